"""Markup removed, sentences cut, terms found as written."""

import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.text import (
    _ODD,
    _UNSPACED_WORD,
    _all_spans,
    clean_line,
    clean_text,
    lead_sentence,
    spans,
    terms,
)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<h2>Head</h2>One<br>Two<ul><li>a</li></ul>", "Head\n\nOne\n\nTwo\n\na"),
        ("a <b>bo</b>ld <a href='/x'>link</a>", "a bold link"),
        ("<p>line\nbroken in the source</p>", "line broken in the source"),
        ("Before<script>alert('x')</script> after<style>p{}</style>", "Before after"),
        ("Text <noscript>switch it on</noscript>", "Text"),
        ("<figure><img src=x><figcaption>A caption</figcaption></figure><p>Body</p>", "Body"),
        ("<nav>Home | World</nav><p>Body</p><aside>Read more</aside>", "Body"),
        ("<html><head><title>Site</title></head><body>Body</body></html>", "Body"),
        ("Fish &amp; chips &ndash; &#163;5 &#x1F600;", "Fish & chips – £5 😀"),
        ("<!-- hidden --><![CDATA[<p>One</p>]]>", "One"),
        ("&lt;script&gt; is a tag", "<script> is a tag"),
        ("<table><tr><th>Home</th><th>Away</th></tr><tr><td>2</td><td>1</td></tr></table>", "Home Away\n\n2 1"),
        ("<dl><dt>Rain</dt><dd>3 mm</dd></dl>", "Rain\n\n3 mm"),
        (
            "<figure class=x><table><tr><td>A</td><td>61</td></tr></table><figcaption>C</figcaption></figure>x",
            "A 61\n\nx",
        ),
        ("<aside><figure><table><td>hidden</td></table></figure></aside>Body", "Body"),
        ("<div><nav>Home</div>Body", "Body"),
        ("<ruby>漢<rt>kan</ruby>字", "漢字"),
        ("<p title='a > b' data-x=\"it's\">Body</p>", "Body"),
        ("<p>it's <b>5 o'clock</b></p>", "it's 5 o'clock"),
        ("<p it's>Body</p> o'clock", "Body\n\no'clock"),
        ("<p>Body</p><!-- never closed <p>hidden</p>", "Body"),
        ("<p>Body</p><script>if (a < b) '</p>'</script >x", "Body\n\nx"),
        ("<p>a <svg/>b <math/>c</p>", "a b c"),
        ("<p>&#" + "1" * 5000 + "; &#" + "0" * 5000 + "65;</p>", "\ufffd A"),
    ],
)
def test_markup_becomes_text_with_blocks_kept_apart(markup: str, text: str) -> None:
    assert clean_text(markup) == text


@pytest.mark.parametrize("text", ["3 < 5 and 7 > 2", "AT&T and R&D", "x <3 y", "Q&A; more", "<name>"])
def test_text_that_only_looks_like_markup_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("[vc_row el_class='x'][vc_column]One[/vc_column][/vc_row] Two", "One\n\nTwo"),
        ('Look [gallery ids="1,2"] here', "Look here"),
        ("[gallery ids=1,2] Look", "Look"),
        ("[caption id='x']A boat[/caption] Body", "A boat Body"),
        ("a [b]bold[/b] word", "a bold word"),
        ("See [embed]https://video.example/1[/embed] now", "See now"),
        ("<p>[et_pb_text admin_label=&#8221;Text&#8221;]One[/et_pb_text]</p>", "One"),
        ("He said [sic] so […] in [1] and [the minister] too", "He said [sic] so […] in [1] and [the minister] too"),
        ("[Update] Storm [audio]", "[Update] Storm [audio]"),
    ],
)
def test_shortcodes_go_and_what_is_merely_in_brackets_stays(written: str, text: str) -> None:
    assert clean_text(written) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Har\u00adbour \u202eabc\u202c\u2066d\u2069\ufeff\u200b", "Harbour abcd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d🚒", "👩\u200d🚒"),
        ("har\u200dbour\u200c", "harbour"),
        (
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f \U000e0041x",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f x",
        ),
        ("a" + "\u0315\u0300" * 400, "à" + "\u0300" * 14 + "\u0315" * 15),
    ],
)
def test_what_has_no_width_goes_but_for_joiners_that_letters_and_pictures_need(written: str, text: str) -> None:
    assert clean_text(written) == text


def test_whitespace_control_characters_and_unicode_form_are_settled() -> None:
    assert clean_text("  a\t\tb\r\nc\n \n\n d\x07e\u00a0f Cafe\u0301 ") == "a b\n\nc\n\nd e f Caf\u00e9"
    assert clean_line("One\n\n two<br>three ") == "One two three"


@given(st.text() | st.text(alphabet="<>&;/!-[]abpr \n"))
def test_cleaning_never_raises_and_leaves_no_untidy_whitespace(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    assert "\n\n\n" not in cleaned


@given(st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs"])))
def test_cleaning_plain_text_twice_changes_nothing_more(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("He came. He saw.", "He came."),
        ("Mr. Smith met Dr. Jones. They spoke.", "Mr. Smith met Dr. Jones."),
        ("The U.S. Senate voted. It failed.", "The U.S. Senate voted."),
        ("Am 3. März stieg er um 3.5 Prozent. Dann fiel er.", "Am 3. März stieg er um 3.5 Prozent."),
        ("“We won.” He smiled.", "“We won.”"),
        ("首相は辞任した。次は誰か。", "首相は辞任した。"),
        ("स्कूल बंद रहे। बारिश जारी है।", "स्कूल बंद रहे।"),
        ("No full stop\n\nSecond block.", "No full stop"),
        ("", ""),
    ],
)
def test_the_lead_sentence_ends_where_a_reader_would_end_it(text: str, lead: str) -> None:
    assert lead_sentence(text) == lead


@given(st.text(), st.integers(10, 300))
def test_a_lead_sentence_is_the_start_of_the_text_within_the_limit(text: str, limit: int) -> None:
    lead = lead_sentence(text, limit)
    assert len(lead) <= limit
    assert text.strip().startswith(lead.removesuffix("…"))


def test_a_long_lead_sentence_is_cut_at_a_word() -> None:
    assert lead_sentence("word " * 100, limit=21) == "word word word word…"
    assert lead_sentence("x" * 100, limit=10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("raises 5 tariffs to 25%, snake_case", "raise tarif to 25 snake case"),
        ("Café École straße", "cafe Cafe ecole Ecole stras"),
        ("Russia’s buses, glass status; Paris", "russi Russi buse glass statu paris Paris"),
        ("U.S. GPT-4o", "gpt Gpt 4o"),
        ("東京都 中", "東京 京都 中"),
        ("ประเทศ", "ปร ระ ะเ เท ทศ"),
        ("한국어 iPhone在中国", "한국 국어 iphon 在中 中国"),
        ("दिल्ली में बारिश", "दिल्ल में बारिश"),
        ("বাংলাদেশের", "বাংলা"),
        ("שָׁלוֹם שלום", "שלום שלום"),
        ("مُحَمَّد محمد", "محمد محمد"),
        ("Schleusen\u00adverwaltung", "schle Schle"),
        ("می\u200cخواهم", "میخوا"),
        ("", ""),
    ],
)
def test_terms_are_stems_names_twice_and_pairs_of_unspaced_scripts(text: str, found: str) -> None:
    assert terms(text) == found.split()


@given(st.text(st.characters(codec="ascii")))
def test_words_are_the_same_whatever_else_the_text_holds(text: str) -> None:
    assert terms(text) == terms(f"{text} é")


SCRIPTS = ["minister harbour", "здравствуйте министр", "Αθήνα υπουργός", "बारिश दिल्ली", "বৃষ্টি ঢাকা", "மழை சென்னை",
           "שלום ירושלים", "الوزير القاهرة", "بارش لاہور", "ამინდი თბილისი", "եղանակ երևան", "東京都 大雨", "서울 날씨",
           "กรุงเทพ ฝนตก", "ភ្នំពេញ ភ្លៀង"]  # fmt: skip


@given(st.sampled_from(SCRIPTS), st.sampled_from(SCRIPTS), st.data())
def test_characters_without_width_never_change_the_words_of_any_script(
    one: str, other: str, data: st.DataObject
) -> None:
    written = f"{one} {other}"
    at = data.draw(st.integers(0, len(written)))
    unseen = data.draw(st.sampled_from(["\u00ad", "\u2060", "\ufeff", "\u202e", "\u200b"]))
    assert terms(clean_text(written[:at] + unseen + written[at:])) == terms(written)
    assert terms(written) == terms(one) + terms(other)


@given(st.sampled_from(SCRIPTS), st.sampled_from(["NFC", "NFD"]), st.sampled_from(["{}", "<p>{}</p>", "{}<br>"]))
def test_words_of_any_script_are_the_same_composed_or_not_and_in_markup_or_not(
    written: str, form: Literal["NFC", "NFD"], markup: str
) -> None:
    text = unicodedata.normalize(form, written)
    references = "".join(f"&#{ord(character)};" for character in text)
    assert terms(clean_text(markup.format(text))) == terms(clean_text(markup.format(references))) == terms(written)


@pytest.mark.parametrize("written", SCRIPTS[:11])
def test_where_spaces_part_words_no_mark_does(written: str) -> None:
    assert len(terms(written.lower())) == len(written.split())
    assert all(len(terms(word.lower())) == 1 for word in written.split())


def test_what_only_some_words_are_made_of_is_looked_for_where_it_can_be() -> None:
    for code in [*range(0xAD, 0x20000), *range(0xE0000, 0xE0200)]:
        if unicodedata.category(chr(code)) in {"Mn", "Mc", "Me", "Cf"} or _UNSPACED_WORD.match(chr(code)):
            assert _ODD.match(chr(code)), hex(code)


def test_stop_words_give_no_terms_however_they_are_written() -> None:
    assert terms("The the THÉ other", {"the"}) == ["other"]


@given(st.text())
def test_spans_point_at_the_words_they_stand_for(text: str) -> None:
    found = spans(text, set(terms(text)))
    assert [span.start for span in found] == sorted(span.start for span in found)
    assert all(tuple(terms(text[span.start : span.end])) == span.terms for span in found)


@given(
    st.text(alphabet="abS ’_.1") | st.text(alphabet="abS ’é京_.1"),
    st.sets(st.sampled_from(["ab", "Ab", "b", "bs", "京京", "1a", "e", "aaaaa", ""])),
)
def test_spans_are_all_words_that_stand_for_a_wanted_term(text: str, wanted: set[str]) -> None:
    expected = [span for span in _all_spans(text) if wanted.intersection(span.terms)]
    assert spans(text, wanted) == spans(text, wanted, often=True) == expected
