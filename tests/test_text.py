"""Markup removed, sentences cut, terms found as written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.text import clean_line, clean_text, lead_sentence, spans, terms


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
    ],
)
def test_markup_becomes_text_with_blocks_kept_apart(markup: str, text: str) -> None:
    assert clean_text(markup) == text


@pytest.mark.parametrize("text", ["3 < 5 and 7 > 2", "AT&T and R&D", "x <3 y", "Q&A; more", "<name>"])
def test_text_that_only_looks_like_markup_stays_as_it_is(text: str) -> None:
    assert clean_text(text) == text


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
        ("", ""),
    ],
)
def test_terms_are_stems_names_twice_and_pairs_of_unspaced_scripts(text: str, found: str) -> None:
    assert terms(text) == found.split()


@given(st.text(st.characters(codec="ascii")))
def test_words_are_the_same_whatever_else_the_text_holds(text: str) -> None:
    assert terms(text) == terms(f"{text} é")


def test_stop_words_give_no_terms_however_they_are_written() -> None:
    assert terms("The the THÉ other", {"the"}) == ["other"]


@given(st.text())
def test_spans_point_at_the_words_they_stand_for(text: str) -> None:
    found = spans(text, set(terms(text)))
    assert [span.start for span in found] == sorted(span.start for span in found)
    assert all(tuple(terms(text[span.start : span.end])) == span.terms for span in found)


@given(
    st.text(alphabet="abS ’é京_.1"), st.sets(st.sampled_from(["ab", "Ab", "b", "bs", "京京", "1a", "e", "aaaaa", ""]))
)
def test_spans_are_all_words_that_stand_for_a_wanted_term(text: str, wanted: set[str]) -> None:
    of_all = spans(text, set(terms(text)))
    assert spans(text, wanted) == [span for span in of_all if wanted.intersection(span.terms)]
