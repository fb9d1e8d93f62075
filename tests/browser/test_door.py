"""Who gets in, and what each role sees and may do."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Visitors
from tests.browser.stage import Served


def test_a_wrong_password_is_told_and_a_right_one_leads_to_the_page_that_was_asked_for(visitors: Visitors) -> None:
    with visitors.visit() as visit:
        page = visit.open("/desk/risk")
        assert page.url.startswith(f"{visit.url}/login?next=")
        page.fill("[name=username]", "vera")
        page.fill("[name=password]", "something else")
        page.keyboard.press("Enter")
        assert "wrong" in page.inner_text("[role=alert]")
        page = visit.sign_in("vera", place="/desk/risk")
        assert page.url == f"{visit.url}/desk/risk"
        page.click(".who summary")
        page.click("text=Sign out")
        page.goto(f"{visit.url}/desk")
        assert "/login" in page.url
        visit.complaints.clear()  # The browser complains about the stream that ended with the session.


@pytest.mark.parametrize(("name", "stops"), [("vera", False), ("sam", False), ("olga", True), ("ada", True)])
def test_a_role_that_may_not_stop_sees_no_form_for_it(name: str, stops: bool, visitors: Visitors) -> None:
    with visitors.visit(name) as visit:
        for path in ("/desk", "/desk/positions", "/desk/wallets/primary_04"):
            page = visit.open(path)
            assert bool(page.query_selector("#stop-button")) is stops
            forms = page.locator("form:not(.theme):not([action='/logout'])").count()
            assert (forms > 0) is stops, path


def test_a_form_that_a_role_may_not_send_does_nothing(visitors: Visitors, served: Served) -> None:
    with visitors.visit("vera") as visit:
        page = visit.open("/desk")
        csrf = page.get_attribute(".theme [name=csrf]", "value")
        fields = {"csrf": csrf or "", "reason": "may not", "back": "/desk"}
        answer = visit.context.request.post(f"{visit.url}/desk/emergency-stop", form=fields)
        assert (answer.status, "operate" in answer.text()) == (403, True)
    assert served.holds("emergency") == 0


@pytest.mark.parametrize("forged", ["wrong", ""])
def test_a_form_with_another_token_does_nothing(forged: str, visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        fields = {"csrf": forged, "reason": "forged", "back": "/desk"}
        answer = visit.context.request.post(f"{visit.url}/desk/emergency-stop", form=fields)
        assert (answer.status, "not of this session" in answer.text()) == (403, True)
    assert served.holds("emergency") == 0


def test_a_form_of_another_site_does_nothing(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        csrf = visit.open("/desk").get_attribute(".theme [name=csrf]", "value") or ""
        fields = {"csrf": csrf, "reason": "stolen", "back": "/desk"}
        origin = {"origin": "http://evil.example"}
        answer = visit.context.request.post(f"{visit.url}/desk/emergency-stop", form=fields, headers=origin)
        assert answer.status == 403
    assert served.holds("emergency") == 0


def test_a_way_back_leads_to_no_other_site(visitors: Visitors, served: Served) -> None:
    with visitors.visit("olga") as visit:
        csrf = visit.open("/desk").get_attribute(".theme [name=csrf]", "value") or ""
        for back in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
            fields = {"csrf": csrf, "theme": "dark", "back": back}
            answer = visit.context.request.post(f"{visit.url}/desk/theme", form=fields, max_redirects=0)
            assert (answer.status, answer.headers["location"]) == (303, "/desk")
