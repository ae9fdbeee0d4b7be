"""Words that say a number: in English, German, French, Spanish, Italian, Portuguese and Dutch.

A word is told however its letters are drawn: bold ones of formulas, ligatures, and those of another alphabet that look
alike are the letters they look like; a hyphen that a line break leaves, and what has no width, is none.
"""

import re
import unicodedata
from collections.abc import Iterator

_ENGLISH = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion half halves
third quarter fourth fifth sixth seventh eighth ninth tenth twentieth hundredth thousandth millionth dozen score couple
pair once twice thrice double triple quadruple twofold tenfold percent permille mille nought
"""
# What is written as one word of these, as in "zweiundzwanzig", "achtentwintig" or "ventidue", is told with them.
_GERMAN = """
zwei zwo drei vier fünf fuenf sechs sech sieben sieb acht neun zehn elf zwölf zwoelf zwanzig dreißig dreissig vierzig
fünfzig fuenfzig sechzig siebzig achtzig neunzig hundert tausend million millionen milliarde milliarden halb halbe
halber halbes halben hälfte drittel viertel fünftel zehntel hundertstel tausendstel dutzend doppelt dreifach zweimal
dreimal prozent
"""
_DUTCH = """
twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien
twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd duizend miljoen miljard helft derde kwart tiende
dozijn dubbel procent
"""
_ITALIAN = """
due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto
diciannove venti trenta quaranta cinquanta sessanta settanta ottanta novanta cento mille
mila milione milioni miliardo miliardi metà mezzo mezza terzo quarto quinto decimo doppio triplo dozzina
"""
_OTHERS = """
deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante cinquante
soixante cent cents mille million millions milliard milliards moitié demi demie tiers quart quarts dixième centième
millième double triple douzaine
dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho
diecinueve veinte veintiuno veintidós treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento cientos
doscientos trescientos quinientos mil millón millones medio media mitad tercio tercios cuarto cuartos décimo doble
docena
dois duas três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezasseis vinte trinta
quarenta cinquenta sessenta setenta oitenta noventa cem cento duzentos trezentos mil milhão milhões bilhão bilhões meio
meia metade terço terços quarto quartos décimo dobro dúzia
"""


def _any(words: str) -> str:
    return "|".join(sorted(words.split(), key=len, reverse=True))


_WORD = re.compile(
    rf"\b(?:(?:{_any(_ENGLISH)})s?|(?:ein(?=und|hundert|tausend)|und(?<=[a-zß]und)|{_any(_GERMAN)})+"
    rf"|(?:{_any(_DUTCH)}|een(?=en)|[eë]n(?<=[a-z][eë]n)(?=twin|dertig|veertig|vijftig|zestig|zeventig|tachtig|negentig))+|(?:{_any(_ITALIAN)}|(?:vent|trent|quarant|cinquant)(?=uno|otto)|(?:uno|tré)(?<=[a-z]...))+|(?:{_any(_OTHERS)}))\b"
    r"(?!(?<=\bdue)\s+(?:to|date|diligence|process)\b)",
    re.IGNORECASE,
)
_PARTS = "half|third|quarter|fifth|sixth|seventh|eighth|ninth|tenth|twentieth|hundredth|thousandth|millionth"
_FEW = "two|three|four|five|six|seven|eight|nine"  # "quarters of 13" are quarters, "three quarters of 13" no 13
_FACTORS = (
    "(?:square|cube) root|inverse|reciprocal|factorial|logarithm|exponential|one over"
    f"|minus|negative|point|twice|thrice|double|triple|quadruple|(?:two|three|four|ten|hundred|thousand)fold|{_PARTS}"
    "|halb|halbe|halben|hälfte|drittel|viertel|zehntel|hundertstel|tausendstel|doppelte|doppelt|dreifache|komma"
    "|moitié|demi|demie|tiers|quarts?|dixième|moins|virgule|mitad|medio|media|tercios?|cuartos?|décimo|doble|menos|coma"
    "|metà|mezzo|mezza|terz[oi]|quart[oi]|decimo|doppio|meno|virgola|metade|meio|meia|terços?|dobro|vírgula|helft|derde|kwart"
    "|tiende|dubbele|dubbel"
)
_OF = "of|the|a|an|its|their|this|that|von|der|des|den|die|das|de|du|la|le|les|del|el|lo|los|della|il|do|da|dos|van|het"
# Before a claim: what makes another number of it.
FACTORS_BEFORE = rf"\b(?:{_FACTORS}|(?:{_FEW})[\s-](?:halve|{_PARTS})s)\s+(?:(?:{_OF})\s+){{0,2}}"
_TENS = "hundred|thousand|million|billion|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
FACTORS_BEFORE = (
    rf"{FACTORS_BEFORE}|\b(?:{_TENS})s?(?:\s+and)?[\s-]+|\b(?:ten|two|{_TENS})\s+to\s+the\s+"
    r"|(?:минус|половина|マイナス|负|負|零下)\s*"
)
# After it, likewise.
FACTORS_AFTER = (
    r"(?:percent|per\s?cento?|per\s?mille|permille|prozent|promille|procent|pour\s?cent|por\s?cien(?:to)?|por\s?cento|hundred"
    r"|thousand|million|billion|trillion|lakh|crore|dozen|half|quarter|tenth|hundredth|thousandth|millionth|hundert|tausend"
    r"|million|millionen|milliarde|milliarden|hundertstel|tausendstel|zehntel|dutzend|mille|milliard|dixième|centième|millième"
    r"|mil|millón|millones|décima|centésima|milésima|mila|milione|milioni|miliardo|miliardi|milhão|milhões|bilhão|bilhões"
    r"|percentage\s?points?|(?:of\s+)?one\s+percent|to\s+the\s+power|тыс|тысяч[аи]?|млн|миллион\w*|млрд|миллиард\w*|процент\w*"
    r"|लाख|करोड़|हज़ार|प्रतिशत"
    r"|honderd|duizend|miljoen|miljard|douzaine|docena|dozzina|dúzia|dozijn)(?:s|n|en)?\b"
)
_ALIKE = str.maketrans(
    "аеорсухіѕԁһјӏАВЕКМНОРСТУХІЅЈοικυναερτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxisdhjlABEKMHOPCTYXISJoikuvaeptABEZHIKMNOPTYX"
)


def folded(text: str) -> tuple[str, list[int]]:
    """Write a text in the letters it looks like.

    Args:
        text: Any.

    Returns:
        Plain letters, without what has no width; and of each the place in `text` it came from.
    """
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character.isascii():
            letters.append(character)
            places.append(place)
            continue
        if unicodedata.category(character) == "Cf" or character == "\ufffe":
            continue
        if letters and unicodedata.combining(character):
            joined = unicodedata.normalize("NFC", letters[-1] + character)
            if len(joined) == 1:
                letters[-1] = joined
                continue
        for one in unicodedata.normalize("NFKC", character).translate(_ALIKE):
            letters.append(one)
            places.append(place)
    return "".join(letters), places


def number_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Find words that say a number.

    Args:
        text: Any.

    Yields:
        The word in small letters, and where it begins and ends.
    """
    plain, places = folded(text)
    for match in _WORD.finditer(plain):
        yield match[0].lower(), places[match.start()], places[match.end() - 1] + 1
