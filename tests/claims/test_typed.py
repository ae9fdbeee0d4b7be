"""Typed quantities: what is never right, what is listed, what is accepted in its surroundings."""

import pytest

from claimgate.typed import Exemption, formula_numbers, objections, typed_quantities, unlisted, used

FINE = [
    "alpha is ⟦2.41⟧, of ⟦4.0⟧ to ⟦8.8 points⟧ (⟦3⟧ ± ⟦4⟧) and ⟦5 %⟧.",
    "takes ⟦122⟧ times less, ⟦3⟧, ⟦4⟧ and ⟦5⟧ in ⟦3⟧ seeds; ⦃B =⦄ ⟦512⟧: ⟦1.5 ⋅ 10 −6⟧",
    "(ii) the mix of xi and vi, 10 cm or mm, ⦃H ii⦄ and H⦃ii⦄, Ξ, ψ; ⟪ii⟫ 大, half of them take ⟦41⟧",
    "quarters of ⟦13⟧, half the networks reach ⟦41⟧, a third reach ⟦41⟧",
    "⟪Section 3.1⟫ ⟬C021⟭ ⟬≈½⟭ as in ⟪[1], [2]⟫ MLP, CIFAR, DC-IV1",
]
FINE += [
    "x̄ 2 and a hat over x̂, ⟦41⟧; ⦃𝑥̂ 2⦄ ⟦41⟧ café ⟦5⟧",
    "α is ⟦2⟧, the α’s slope, ‘α’ and ⦃α′⦄ are ⟦3⟧; μm, χ",
    "⟦41⟧ miles, ⟦41⟧ min, due to ⟦41⟧, mildly ⟦41⟧",
]
NEVER = [
    *(f"it is ⟦41⟧{mark}" for mark in "\U0001d16d\U0001d165\u0903\u093e\u20de\u20e2\ufe0f¯ˉ´′″‾`"),
    *(f"it is {mark}⟦41⟧" for mark in "\U0001d16d\u0903\u0305¯‾"),
    "it is ⟦4\u03051⟧",
    "it is ⟦41⟧ \u0336",
    "it is ⟦41⟧\u200b\u0305",
    "of 1\u0305 layers",
    "κβʹ layers",
    "κβ′ layers",
    "ΚΒʹ",
    "α’ of them",
    "͵βκδ",
    "י״ב layers",
    'י"ב layers',
    "ה׳",
    "к҃в",
    "of ХІV layers",
    "of ＸＩＶ layers",
    "of 𝐗𝐈𝐕 layers",
    "🂡 of them",
    *(
        f"it is ⟦41⟧ {word}"
        for word in [
            "Prozent",
            "Millionen",
            "tausend",
            "milliards",
            "mil",
            "millones",
            "mila",
            "honderd",
            "duizend",
            "crore",
        ]
    ),
    *(f"it is ⟦41⟧{word}" for word in ("bn", "T", "Mio", " pour cent", " por ciento", " per cento")),
    "die Hälfte von ⟦41⟧",
    "un tiers de ⟦41⟧",
    "la mitad de la ⟦41⟧",
    "il doppio di ⟦41⟧".replace("di", "il"),
    "metade do ⟦41⟧",
    "een derde van de ⟦41⟧",
    "menos ⟦41⟧",
]
NEVER += [
    "it is \u202e⟦41.5⟧\u202c",
    "it is \u2067⟦41⟧\u2069",
    *(f"it is ⟦41⟧{mark}" for mark in "\u0305\u20dd\u20e0\u20e3\u0489"),
    *(f"the gap is {sign}⟦2.41⟧" for sign in "−-‐‑‒–—―－⁻➖~≈√×"),
    *(f"the gap is {sign} ⟦2.41⟧" for sign in "−–—"),
    "the gap is ⦃−⦄⟦2.41⟧",
    "the gap is ⦃−⦄ ⟦2.41⟧",
    "it is 0.⟦41⟧",
    "it is 1⟦41⟧",
    "it is 1,⟦41⟧",
    "minus ⟦41⟧",
    "Twice ⟦41⟧",
    "half ⟦41⟧",
    "zero point ⟦41⟧",
    "it is ⟦41⟧ million",
    "it is ⟦41⟧ per mille",
    "it is ⟦41⟧ permille",
    "it is ⟦41⟧ percent",
    "it is ⟦41⟧ hundredths",
    "it is ⟦41⟧ %",
    "it is ⟦41⟧‰",
    "it is ⟦41⟧5",
    "it is ⟦41⟧.5",
    "it is ⟦41⟧⟦⟧6",
    "it is ⟦41⟧⦃6⦄",
    "it is ⟦41⟧ e−3",
    "it is ⟦41⟧ ⋅ 10",
    "it is ⟦41⟧ × a",
    "it is ⟦41⟧²",
    "about ½ of it",
    "about ⅔ of it",
    "in Ⅳ layers",
    "in ④ layers",
    "x² and x₃",
    "in ٣ layers",
    "in 𝟕 layers",
    "of XIV layers",
    "of xiv layers",
    "of XXX layers",
    "it is ii times as large",
    "lxxxix percent",
    "九十七 of them",
    "〇・七",
    "九",
    "of ７ or ⅳ layers",
    "९७",
    "٩٧",
    "it is ⠼⠊⠛",
    "it is ⚄",
    "🔟 of them",
    "a tenth of ⟦41⟧",
    "Half of ⟦41⟧",
    "two thirds of the ⟦41⟧",
    "double the ⟦41⟧",
    "twice the ⟦41⟧",
    "three quarters of its ⟦41⟧",
    "two-thirds of ⦃⟦41⟧⦄",
    "a hundredfold ⟦41⟧",
]


@pytest.mark.parametrize("text", FINE)
def test_what_is_fine(text):
    assert objections(text) == []


@pytest.mark.parametrize("text", NEVER)
def test_what_is_never_right(text):
    assert objections(text) != []


def test_number_words_are_told_with_what_is_around_them():
    words = "two three nineteen Thirty dozens half thirds quarter million once twice percent hundredths seven"
    found = typed_quantities(f"⟦2⟧ and one of {words} is ⟦5⟧ ⟪twelve⟫ ⟬ten⟭")
    assert [kind for kind, _ in found] == ["word one", *(f"word {word.lower()}" for word in words.split())]
    assert found[0][1].startswith("⟦⟧ and one of two")


@pytest.mark.parametrize(
    "words",
    [
        "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig hundert tausend hälfte drittel viertel",
        "deux trois quatre cinq six sept huit neuf dix onze douze vingt cent mille million moitié demi tiers quart",
        "dos tres cuatro cinco seis siete ocho nueve diez once doce veinte cien mil millón mitad tercio cuarto",
        "due tre quattro cinque sei sette otto nove dieci undici dodici venti cento mille milione metà terzo quarto",
        "dois três quatro cinco seis sete oito nove dez onze doze vinte cem mil milhão metade terço quarto",
        "twee drie vier vijf zes zeven acht negen tien elf twaalf twintig honderd duizend miljoen helft derde kwart",
        "zweiundzwanzig einundzwanzig zweihundert achtentwintig eenentwintig ventidue trentuno trecento",
    ],
)
def test_number_words_of_other_languages_are_told(words):
    found = [kind for kind, _ in typed_quantities(f"the {words.replace(' ', ', the ')}.")]
    assert found == [f"word {word}" for word in words.split()]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("f\u00adive", "five"),
        ("f\u200bive", "five"),
        ("\ufb01ve", "five"),
        ("𝐟𝐢𝐯𝐞", "five"),
        ("fоur", "four"),  # with a Cyrillic o
        ("fu\u0308nf", "fünf"),
        ("ＴＷＯ", "two"),
    ],
)
def test_a_number_word_is_told_however_its_letters_are_drawn(text, word):
    assert [kind for kind, _ in typed_quantities(f"about {text} of them")] == [f"word {word}"]


@pytest.mark.parametrize(
    "text", ["due to, due date, undo, ein, und, achten, vent, trent, actual, median, often, sixty-"]
)
def test_words_that_only_look_like_numbers_are_none(text):
    assert [kind for kind, _ in typed_quantities(text)] == ["word sixty"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("⦃𝜎 2 ⦄ ⦃𝑅2 ⦄ ⦃𝜎1 ⦄ ⦃(∑ℎ) 2 /∑ℎ 2 ⦄ ⦃‖𝑥‖ 2 ⦄", []),
        ("⦃𝛼 ≈ 7⦄", ["≈ 7"]),
        ("⦃7⦄", ["^ 7"]),
        ("⦃𝛼 > 1, 𝛽 = 2⦄", ["> 1", "= 2"]),
        ("⦃𝛼 = −2⦄", ["− 2"]),
        ("⦃𝛼 = ⟦7⟧⦄", []),
        ("⦃12⦄", []),  # more digits than one are refused as numerals
    ],
)
def test_a_digit_of_a_formula_is_an_index_or_a_number(text, numbers):
    assert [token for token, _ in formula_numbers(text)] == numbers


def test_numbers_of_formulas_and_waivers_are_listed_and_counted():
    exemptions = [
        Exemption("formula", ("≈ 2",), "r", 2),
        Exemption("waived", ("64",), "r", 1),
        Exemption("name", ("VGG-11", "#.#.s"), "r", 3),
    ]
    text = "⦃𝛼 ≈ 2⦄ ⦃𝛼 ≈ 2⦄ ⦃𝛼 ≈ 7⦄ ⟨64⟩ ⟨2.97⟩ VGG-11, VGG-11 and 2.0.s; ⟦VGG-11⟧"
    assert used(exemptions, text) == [2, 1, 3]
    assert unlisted(exemptions, text) == ["formula ≈ 7: 𝛼 ≈ 7", "waived 2.97: "]
