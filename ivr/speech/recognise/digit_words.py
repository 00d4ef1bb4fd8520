"""The words of the ten digits by language, 0 first, for engines that recognise words; further ones with their digit."""

from __future__ import annotations

_IN_ORDER = {
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "en": "zero one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "ko": "영 일 이 삼 사 오 육 칠 팔 구",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
}
_FURTHER = {"de": {"zwo": "2"}, "en": {"oh": "0"}, "ko": {"공": "0"}, "pt": {"meia": "6", "uma": "1", "duas": "2"}}

DIGIT_WORDS: dict[str, dict[str, str]] = {
    language: {word: str(value) for value, word in enumerate(words.split())} | _FURTHER.get(language, {})
    for language, words in _IN_ORDER.items()
}
