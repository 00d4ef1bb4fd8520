"""English."""

from __future__ import annotations

from ivr.flow.understand.lexicon import Lexicon, currencies, numbered, register, words

_SMALL = numbered(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    0,
)
_TENS = numbered("twenty thirty forty/fourty fifty sixty seventy eighty ninety", 20, 10)
_ORDINALS = numbered(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty_first twenty_second twenty_third twenty_fourth "
    "twenty_fifth twenty_sixth twenty_seventh twenty_eighth twenty_ninth thirtieth thirty_first",
    1,
)

register(
    Lexicon(
        code="en",
        small=_SMALL,
        tens=_TENS,
        hundred=words("hundred hundreds"),
        scales=(
            (1_000, words("thousand grand")),
            (1_000_000, words("million")),
            (1_000_000_000, words("billion")),
            (1_000_000_000_000, words("trillion")),
        ),
        articles=words("a an"),
        joiners=words("and"),
        zeros=words("oh o ow nought naught nil"),
        homophones={
            **dict.fromkeys(("to", "too", "tu"), "2"),
            **dict.fromkeys(("for", "fore", "four's"), "4"),
            **dict.fromkeys(("won", "wan"), "1"),
            **dict.fromkeys(("ate", "eights", "aight"), "8"),
            **dict.fromkeys(("tree", "free", "threes"), "3"),
            **dict.fromkeys(("sex", "sicks", "sixes"), "6"),
            **dict.fromkeys(("fife", "fives", "hive"), "5"),
            **dict.fromkeys(("niner", "nines", "mine"), "9"),
            **dict.fromkeys(("sevens",), "7"),
            **dict.fromkeys(("zeros", "zeroes"), "0"),
        },
        repeats={"double": 2, "triple": 3, "treble": 3, "quadruple": 4},
        plus=words("plus"),
        point=words("point dot decimal"),
        fillers=words(
            "um uh er erm hmm mm ah well so okay ok yes yeah and then dash hyphen space comma the my is it its "
            "thats this here account number numbers card code pin phone telephone cell mobile id digits ending "
            "starts with amount of for to on be will expires expiration expiry date exactly just only about let "
            "me see sure right dial press pressed option choice area extension th st nd rd by around "
            "approximately in full total pay paying give want"
        ),
        ordinals=_ORDINALS,
        months={
            **numbered(
                "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug "
                "september/sept/sep october/oct november/nov december/dec",
                1,
            )
        },
        weekdays=numbered(
            "monday/mondays/mon tuesday/tuesdays/tue/tues wednesday/wednesdays/wed thursday/thursdays/thu/thurs "
            "friday/fridays/fri saturday/saturdays/sat sunday/sundays/sun",
            0,
        ),
        relative_days={
            "today": 0, "tonight": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2,
            "day before yesterday": -2, "next week": 7, "a week from today": 7, "a week from now": 7,
            "a week from tomorrow": 8, "last week": -7,
        },
        next=words("next"),
        last=words("last past"),
        periods={"day": 1, "days": 1, "week": 7, "weeks": 7, "fortnight": 14},
        ahead=words("in within"),
        day_parts={
            **dict.fromkeys(("am", "a m", "in the morning", "this morning"), 0),
            **dict.fromkeys(("pm", "p m", "in the afternoon", "this afternoon", "in the evening", "at night"), 12),
        },
        clock_names={"noon": "12:00", "midday": "12:00", "midnight": "00:00"},
        clock_fractions={"quarter": 15, "half": 30},
        minutes_past=words("past after"),
        minutes_before=words("to before till"),
        minutes_first=True,
        clock_noise=words("at oclock o clock hours hrs hour h a the or so time minutes minute"),
        units=currencies(
            {
                "dollar dollars buck bucks $": "USD CAD AUD NZD SGD HKD",
                "euro euros €": "EUR",
                "pound pounds quid sterling £": "GBP",
                "peso pesos": "MXN ARS CLP COP UYU DOP CUP PHP",
                "rupee rupees": "INR PKR LKR NPR",
                "rand rands": "ZAR",
                "franc francs": "CHF",
                "yen": "JPY",
            }
        ),
        cents=currencies(
            {
                "cent cents": "USD CAD AUD NZD SGD HKD EUR ZAR",
                "penny pennies": "USD CAD GBP",
                "pence p": "GBP",
                "centavo centavos": "MXN ARS CLP COP UYU DOP CUP PHP",
                "paisa paise": "INR PKR",
                "centime centimes": "CHF",
            }
        ),
        halves=words("and a half, and half"),
        yes=words(
            "yes, yeah, yep, yup, ya, yah, yea, aye, uh huh, mhm, mm hmm, affirmative, absolutely, definitely, "
            "certainly, of course, you bet, by all means, indeed, y, that would be great, that would be nice, go "
            "ahead, sounds good"
        ),
        no=words(
            "no, nope, nah, naw, uh uh, negative, no way, never, not at all, n, absolutely not, definitely not, "
            "certainly not, of course not, i dont think so, thatll be all, that will be all, thats all, thats it,"
            " im good, were good, im done, all done, nothing else, not really, not today, that would be all, im "
            "all set, all set"
        ),
        right=words(
            "right, correct, sure, ok, okay, k, true, fine, good, exactly, perfect, great, alright, all right, "
            "sure thing, why not, i do, i would, it is, i am, we do, we would, i think so, i guess, please do, "
            "youre right, thats the one, no problem, no worries, i believe so, lets do it"
        ),
        wrong=words(
            "wrong, incorrect, false, not it, mistake, mistaken, not quite, i dont, i wouldnt, it isnt, its not, "
            "i do not, i would not, it is not, change it, neither"
        ),
        negations=words(
            "not, isnt, aint, doesnt, wasnt, wouldnt, not quite, not really, not exactly, not entirely, not all"
        ),
        unsure=words(
            "not sure, not certain, dont know, do not know, no idea, maybe, perhaps, what do you mean, depends, "
            "hold on"
        ),
        polite=words(
            "please thank thanks you thankyou hi hello hey um uh er the a an i id im ill my me we wed our us it "
            "its is thats that this would like want wanna to need can could may will just so well hear about with"
            " speak talk get give sir madam maam mam for be do does was how then very much kindly let lets"
        ),
        common=words(
            "what whats when whens where wheres which who whos why how hows are arent was were do does did dont "
            "doesnt you your yours youre he she they them his her if there theres here at by from as or but have "
            "has had havent been being go going know tell say said much many more very some any all not no isnt "
            "ive got getting in on out up off about now than into over"
        ),
        sounds=(
            (r"\bkn|\bgn", "n"), (r"\bwr", "r"), (r"\bwh", "w"), (r"\bps", "s"), (r"mb\b", "m"), (r"ph", "f"),
            (r"gh(?=[^aeiouy]|$)", ""), (r"gh", "g"), (r"sch", "sk"), (r"tch|ch", "C"),
            (r"sh|ti(?=[ao])|ci(?=[ao])", "S"),
            (r"th", "T"), (r"ck|q|c(?![eiy])|k", "k"), (r"c(?=[eiy])|z|s", "s"), (r"x", "ks"),
            (r"dg|j|g(?=[eiy])", "j"),
            (r"(?<=[aeiouy])h|h(?=[^aeiouy]|$)", ""), (r"w(?![aeiouy])", ""), (r"[aeiouy]+", "a"), (r"a\b", ""),
        ),
    )
)  # fmt: skip
