"""
The page of coverage in a real browser: it asks nothing of any network, says everything without a mouse or colours, and
shows what comes from outside as text.
"""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime

import pytest

from tests.test_picture import A, B, drawn, row
from trailhouse import page

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script><img src=//example.com/x onerror=alert(1)>",
    "\" onmouseover='alert(1)' x=\"",
    "</title></style></script><h1>owned</h1>",
    "\u202egnorw\u2066 \x1b[2J",
    "&lt;b&gt; &#60;",
)
FINDING = {
    "what": "hole",
    "account": A,
    "region": "us-east-1",
    "kind": "CloudTrail",
    "said": "an hour",
    "look": "there",
}


def text(**more) -> str:
    rows = [row(hour=h) for h in range(24) if h != 5] + [row(hour=5, state="hole", objects=0, records=0)]
    rows += [row(f"{n:012d}") for n in range(len(HOSTILE))]
    names = {f"{n:012d}": name for n, name in enumerate(HOSTILE)}
    findings = [FINDING, *(dict.fromkeys(page.COLUMNS, name) for name in HOSTILE)]
    return page.html(drawn(rows, names=names), more.get("findings", findings), "2026-03-01 to 2026-03-01", NOW)


class Opened:
    """The page in the browser, with all that it says and asks."""

    def __init__(self, context, path) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture
def opened(chromium, tmp_path):
    path = tmp_path / "coverage.html"
    path.write_text(text(), "utf-8")
    context = chromium.new_context()
    made = Opened(context, path)
    yield made
    assert made.said == [], "the page complains"
    assert [url for url in made.asked if not url.startswith("data:")] == [path.as_uri()], "the page asks for more"
    context.close()


def test_cells_and_findings_are_there(opened):
    cells = opened.page.locator(".map tbody tr", has_text=A).locator("td")
    assert cells.count() == 24
    hole = cells.nth(5)
    assert (hole.get_attribute("title"), hole.inner_text()) == ("2026-03-01 05:00: hole, 0 objects, 0 records", "o")
    assert cells.nth(6).get_attribute("title") == "2026-03-01 06:00: full, 1 objects, 3 records"
    first = opened.page.locator(".findings tbody tr").first
    assert first.locator("th, td").all_inner_texts() == list(FINDING.values())
    assert opened.page.locator(".findings tbody tr").count() == 1 + len(HOSTILE)


def test_hostile_names_are_text(opened):
    shown = opened.page.locator("main").inner_text()
    for name in HOSTILE[:3]:
        assert name in shown
    assert "⟦202E⟧gnorw⟦2066⟧ ␛[2J" in shown and HOSTILE[4] in shown
    assert opened.page.locator("main img, main script, h1").count() == 1
    assert opened.page.title() == "Coverage: 2026-03-01 to 2026-03-01"


def test_its_policy_lets_nothing_else_run(opened):
    opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.owned=1>')")
    opened.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.owned") is None
    refused = [said for said in opened.said if "Content Security Policy" in said]
    assert any("127.0.0.1:9" in said for said in refused) and any("inline event handler" in said for said in refused)
    opened.said.clear()
    opened.asked[:] = opened.asked[:1]


def test_it_is_walked_by_the_keyboard_and_says_where_one_is(opened):
    page_ = opened.page
    page_.keyboard.press("Tab")
    for key in ["End", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", *["ArrowRight"] * 5]:
        page_.keyboard.press(key)
    focused = page_.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused == page_.locator("#told").inner_text()
    assert focused == f"000000000000 {HOSTILE[0]}, 2026-03-01 05:00: nothing was delivered"
    page_.keyboard.press("PageDown")
    assert page_.locator("#told").inner_text() == f"{A}, 2026-03-01 05:00: hole, 0 objects, 0 records"
    page_.locator(".map tbody td").first.hover()
    assert page_.locator("#told").inner_text().endswith("00:00: full, 1 objects, 3 records")


def test_a_screen_reader_finds_tables_with_heads(opened):
    told = opened.page.locator("main").aria_snapshot()
    assert re.search(r'grid "Hours"', told) and re.search(r'table "Findings \(6\)"', told)
    assert f'rowheader "{A}"' in told and 'columnheader "03-01"' in told
    assert "hole, 0 objects" in told


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_by_day_and_by_night(chromium, tmp_path, scheme):
    """WCAG's contrast of 4.5 between every text and what lies behind it."""
    path = tmp_path / "coverage.html"
    path.write_text(text(), "utf-8")
    context = chromium.new_context(color_scheme=scheme)
    page_ = Opened(context, path).page
    pairs = page_.evaluate(
        """() => [...document.querySelectorAll('h1, p, th, td, .legend li, .legend span, .word')]
        .filter(e => e.innerText.trim()).map(e => {
          let under = e;
          while (getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)') under = under.parentElement;
          return [getComputedStyle(e).color, getComputedStyle(under).backgroundColor, e.className];
        })"""
    )
    assert len({back for _, back, _ in pairs}) > 2
    low = {(ink, back, name) for ink, back, name in pairs if contrast(ink, back) < 4.5}
    assert low == set()
    context.close()


def contrast(one: str, other: str) -> float:
    lights = sorted(map(_light, (one, other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _light(colour: str) -> float:
    channels = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_nothing_from_outside_is_markup():
    made = text()
    assert "<img" not in made and "<h1>owned" not in made
    assert html.escape(HOSTILE[0]) in made


def test_nothing_to_look_at_is_said():
    assert "Nothing that wants looking at." in text(findings=[])
    assert date.fromisoformat(re.search(r"Made (\S+)", text())[1]) == NOW.date()


def test_the_account_of_another_state_is_no_class():
    made = page.html(drawn([row(B)]), [dict.fromkeys(page.COLUMNS, "x onload=1")], "now", NOW)
    assert 'class="word "' in made
