"""The marks around a claim, a row of the audit, what is waived by hand, a formula, numbering and references."""

MARKS = "⟦⟬⟨⦃⟪⟧⟭⟩⦄⟫"
