"""What mail programs and people put around what they write, in several languages."""

from __future__ import annotations

import re

# "On Wed, 18 Nov 2026 at 10:32, Acme <a@b.example> wrote:" above a quote: how it begins, and how it ends. A year or a
# time of day tells it from a sentence of the writer's.
_BEGINS = ("On", "Am", "El", "Le", "Il", "Op", "Em", "A", "Den", "Dne", "W dniu", "Dnia", "På", "Pe", "Dana")
_ENDS = (
    "wrote",
    "schrieb(?: .{1,150})?",
    "escribi[óo]",
    "a [ée]crit",
    "ha scritto",
    "schreef(?: .{1,150})?",
    "escreveu",
    "skrev(?: .{1,150})?",
    r"napsal\(a\)",
    r"napisał\(a\)",
    "a scris",
)
ATTRIBUTION = re.compile(
    rf"(?:{'|'.join(_BEGINS)})\b(?=.{{0,200}}\d{{1,2}}[:.h]\d{{2}}|.{{0,200}}\b(?:19|20)\d\d\b)"
    rf".{{5,300}}?\b(?:{'|'.join(_ENDS)})\s?:",
    re.IGNORECASE,
)
BARE_ATTRIBUTION = re.compile(
    r"[^<>]{0,80}<[^<>@\s]{1,64}@[^<>@\s]{1,255}> ?(?:wrote|schrieb|escribió|a écrit) ?:", re.IGNORECASE
)

_ORIGINAL = (
    "original (?:message|appointment)",
    "urspr[üu]ngliche nachricht",
    "urspr[üu]nglicher termin",
    "mensaje original",
    "message d'origine",
    "message original",
    "messaggio originale",
    "oorspronkelijk bericht",
    "mensagem original",
    "reply message",
)
ORIGINAL = re.compile(rf"[-_*=\s]*(?:{'|'.join(_ORIGINAL)})[-_*=\s]*", re.IGNORECASE)
"""A line above the mail that is answered."""
RULE = re.compile(r"[-_*=]{5,}")

_FORWARD = (
    "(?:begin )?forwarded message",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten (?:nachricht|e-mail)",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "message transf[ée]r[ée]",
    "d[ée]but du message (?:transf[ée]r[ée]|r[ée]exp[ée]di[ée])",
    "messaggio inoltrato",
    "inizio messaggio inoltrato",
)
FORWARDED = re.compile(rf"[-_*\s>]*(?:{'|'.join(_FORWARD)})[-_*\s]*:?[-_*\s]*", re.IGNORECASE)
"""A line above a mail that somebody passes on."""
FORWARD_SUBJECT = re.compile(r"\s*(?:fwd?|wg|rv|tr|i|enc|vs|doorst)\s?:", re.IGNORECASE)

HEADER_WORDS = {
    re.compile(rf"^[*\s]*(?:{words})[*\s]*:", re.IGNORECASE): f"{english}:"
    for english, words in {
        "From": "From|De|Von|Da|Van|Från|Fra",
        "Sent": "Sent|Date|Enviado(?: el)?|Fecha|Gesendet(?: am)?|Datum|Envoyé(?: le)?|Inviato|Data|Verzonden|Skickat"
        "|Sendt",
        "To": "To|Para|An|À|A|Aan|Till|Til",
        "Cc": "Cc|Kopie|Kopia",
        "Subject": "Subject|Asunto|Betreff|Objet|Oggetto|Onderwerp|Assunto|Ämne|Emne",
    }.items()
}
"""The header block above a quote, in English for mail-parser-reply: its own words leave some programs out."""

_DEVICE = (
    "(?:sent|envoy[ée]|enviado|gesendet|inviato|verzonden) (?:from|de|depuis|desde|von|da|vanaf|with|mit)\\b.{0,80}",
    "von (?:meinem|unterwegs).{0,60}gesendet.{0,40}",
    "diese nachricht wurde von meinem .{0,80} gesendet\\.?",
    "(?:get|obtener|obtenir|obt[ée]n|descargar|t[ée]l[ée]charger) outlook (?:for|para|pour).{0,80}",
    "outlook f[üu]r .{0,80}(?:beziehen|herunterladen).{0,60}",
    "yahoo mail: .{0,80}",
)
DEVICE = re.compile("|".join(_DEVICE), re.IGNORECASE)
"""What telephones add."""

_CLOSINGS = (
    "(?:with )?(?:best|kind|kindest|warm|many)(?: regards| wishes)?",
    "regards",
    "sincerely(?: yours)?",
    "yours (?:sincerely|truly|faithfully)",
    "cheers",
    "many thanks",
    "thanks(?: again)?",
    "thank you(?: very much)?",
    "(?:mit )?(?:freundlichen|besten|herzlichen|vielen) gr[üu](?:ß|ss)en",
    "(?:viele|beste|liebe|herzliche|schöne) gr[üu](?:ß|ss)e",
    "mfg|lg|vg",
    "(?:vielen |herzlichen )?danke?",
    "saludos(?: cordiales)?",
    "un (?:cordial )?saludo",
    "atentamente",
    "(?:muchas )?gracias",
    "(?:bien )?cordialement",
    "(?:sincères )?salutations(?: distinguées)?",
    "merci(?: d'avance)?",
    "bonne journée",
    "bien à vous",
    "cordiali saluti",
)
CLOSING = re.compile(rf"(?:{'|'.join(_CLOSINGS)})[\s,.!]*", re.IGNORECASE)
"""A whole line with which somebody takes leave."""
