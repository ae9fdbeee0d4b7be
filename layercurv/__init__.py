"""Layer-wise curvature: exact measurement, frozen records, verified claims.

Symbols of the source paper, spelled as they appear in code and records:

| symbol   | name in code            | formula                                       | defined in                 |
| -------- | ----------------------- | --------------------------------------------- | -------------------------- |
| G        | `gradient`              | dL/dW, m x n, L the mean loss                 | `curvature.directions`     |
| sigma_k  | `singular_values`       | k-th singular value of G, descending          | `curvature.directions`     |
| u_k, v_k | `left`, `right`         | singular vectors of G                         | `curvature.directions`     |
| h_k      | `curvatures`            | vec(u_k v_k^T)^T H vec(u_k v_k^T)             | `curvature.directional`    |
| alpha    | `alpha`                 | slope of log h on log sigma                   | `fits.spectral_exponents`  |
| gamma    | `gamma`                 | minus the slope of log sigma on log k         | `fits.spectral_exponents`  |
| s        | `s`                     | minus the slope of log h (sorted) on log rank | `fits.spectral_exponents`  |
| C_A, C_d | `A`, `empirical`, `ggn` | E[a a^T], E[d d^T], samples and positions     | `curvature.kronecker`      |
| rho_A    | `rho_A`                 | v_k^T C_A v_k / lambda_k(C_A)                 | `fits.decomposition`       |
| rho_d    | `rho_d`                 | u_k^T C_d u_k / lambda_k(C_d)                 | `fits.decomposition`       |
| chi_k    | `chi`                   | h_k / (L * u_k^T C_d u_k * v_k^T C_A v_k)     | `fits.decomposition`       |
| C, SUD   | `concentration`, `sud`  | the two factors of chi for the GGN value      | `curvature.alignment`      |

L in the row of chi is the number of positions the layer's weight is applied at (1 for a linear layer on vectors).
"""

__version__ = "0.1.0"
