"""Spanish, of the Americas and of Spain."""

from __future__ import annotations

from ivr.flow.understand.lexicon import Lexicon, currencies, numbered, register, words

_SMALL = numbered(
    "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno/veintiún/veintiuna veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve",
    0,
)
_TENS = numbered("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa", 20, 10)

register(
    Lexicon(
        code="es",
        small=_SMALL,
        tens=_TENS,
        hundreds=numbered(
            "cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas "
            "quinientos/quinientas seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas "
            "novecientos/novecientas",
            100,
            100,
        ),
        scales=(
            (1_000, words("mil")),
            (1_000_000, words("millón millones")),
            (1_000_000_000_000, words("billón billones")),
        ),
        implicit_scales=words("mil"),
        joiners=words("y"),
        homophones={"sero": "0", "sinco": "5", "ceis": "6", "seiz": "6", "oxo": "8", "trez": "3", "doz": "2"},
        repeats={"doble": 2, "triple": 3},
        plus=words("más"),
        point=words("punto coma"),
        fillers=words(
            "eh este em mm ah pues bueno a ver sí y luego después guion espacio coma el la los las mi mis es son "
            "esta cuenta número numero tarjeta código clave teléfono celular móvil dígitos termina empieza con "
            "monto cantidad importe total de del para por vence vencimiento caduca fecha exactamente solo sólo "
            "nada más marque marco oprimo opción área extensión o como unos unas aproximadamente día en pagar "
            "quiero"
        ),
        ordinals={"primero": 1, "primer": 1, "uno": 1, "segundo": 2, "tercero": 3},
        months=numbered(
            "enero/ene febrero/feb marzo/mar abril/abr mayo/may junio/jun julio/jul agosto/ago "
            "septiembre/setiembre/sep/sept octubre/oct noviembre/nov diciembre/dic",
            1,
        ),
        weekdays=numbered("lunes martes miércoles jueves viernes sábado/sábados domingo/domingos", 0),
        relative_days={
            "hoy": 0, "esta noche": 0, "mañana": 1, "ayer": -1, "pasado mañana": 2, "antier": -2, "anteayer": -2,
            "la próxima semana": 7, "la semana que viene": 7, "la semana próxima": 7, "la semana pasada": -7,
        },
        next=words("próximo, próxima, que viene, que entra, siguiente"),
        last=words("pasado, pasada, último, última"),
        periods={"día": 1, "días": 1, "semana": 7, "semanas": 7, "quincena": 15},
        ahead=words("en dentro"),
        day_parts={
            **dict.fromkeys(("am", "a m", "de la mañana", "por la mañana", "de la madrugada"), 0),
            **dict.fromkeys(("pm", "p m", "de la tarde", "por la tarde", "de la noche", "del mediodía"), 12),
        },
        clock_names={"mediodía": "12:00", "el mediodía": "12:00", "medianoche": "00:00"},
        clock_fractions={"cuarto": 15, "media": 30},
        minutes_past=words("y"),
        minutes_before=words("menos"),
        clock_noise=words("a las la horas hora hrs h en punto sobre hacia minutos"),
        units=currencies(
            {
                "dólar dólares $": "USD CAD AUD NZD",
                "peso pesos": "MXN ARS CLP COP UYU DOP CUP USD",
                "euro euros €": "EUR",
                "libra libras £": "GBP",
                "sol soles": "PEN",
                "franco francos": "CHF",
                "yen yenes": "JPY",
            }
        ),
        cents=currencies(
            {
                "centavo centavos": "USD CAD AUD NZD MXN ARS CLP COP UYU DOP CUP",
                "céntimo céntimos": "EUR PEN",
                "centésimo centésimos": "UYU",
                "penique peniques": "GBP",
            }
        ),
        halves=words("y medio, y media"),
        yes=words(
            "sí, s, claro, claro que sí, por supuesto, desde luego, afirmativo, así es, sip, simón, ándale, cómo "
            "no, adelante, efectivamente, definitivamente"
        ),
        no=words(
            "no, n, nop, negativo, para nada, nunca, de ninguna manera, claro que no, por supuesto que no, nada "
            "más, es todo, eso es todo, sería todo, creo que no, ya no, tampoco"
        ),
        right=words(
            "correcto, cierto, exacto, exactamente, verdad, de acuerdo, vale, bueno, bien, está bien, perfecto, "
            "ok, okay, es correcto, dale, listo, sale, creo que sí, eso es, eso mismo, no hay problema, creo que "
            "así es"
        ),
        wrong=words("incorrecto, equivocado, equivocada, falso, error, mal, está mal, cambiarlo, cambiar"),
        negations=words("no, no es, no está, no estoy, tampoco es"),
        unsure=words(
            "no sé, no lo sé, quizás, quizá, tal vez, no estoy seguro, no estoy segura, depende, a lo mejor, "
            "espere"
        ),
        polite=words(
            "por favor gracias muchas hola buenos buenas días tardes noches señor señora señorita usted eh este "
            "pues el la los las un una unos unas quiero quisiera quiere necesito deseo me gustaría puedo puede "
            "podría con de del al a que es eso lo le mi mis yo hablar oír escuchar saber sobre acerca dar dame "
            "deme para ser está entonces favor"
        ),
        common=words(
            "qué cuándo dónde cuál cuáles quién por cómo cuánto cuánta cuántos cuántas hay son está están fue era"
            " ser si no su sus se nos les lo ellos ella en y o pero más muy ya ha han he hace hacer tengo tiene "
            "tienen tener ir va van voy sin sobre entre también todo toda algo nada aquí allí ahora porque como "
            "esto esta este ese esa"
        ),
        sounds=(
            (r"\bh|h(?=[aeiou])(?<!c)(?<!s)", ""), (r"ch", "C"), (r"qu|c(?![eiC])|k", "k"), (r"c(?=[ei])|z|x|s", "s"),
            (r"gu(?=[ei])", "g"), (r"g(?=[ei])|j", "j"), (r"ll|y(?=[aeiou])", "y"), (r"b|v|w", "b"), (r"y\b", "i"),
            (r"n(?=[bp])", "m"), (r"ph", "f"), (r"th", "t"),
        ),
    )
)  # fmt: skip
