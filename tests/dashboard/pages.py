"""Reading pages as a person does: their words, without the markup."""

from __future__ import annotations

import html
import re

from django.test import Client
from django.urls import reverse

ACCOUNTS = "/admin/accounts/account/"


def words(response) -> str:
    """Return all text of a page's content, white space collapsed."""
    assert response.status_code == 200, response.status_code
    page = response.content.decode()
    main = page[page.find('id="content-main"') :]
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", main, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def listed(response) -> list[str]:
    """Return the text of each row of a list."""
    assert response.status_code == 200, response.status_code
    page = response.content.decode()
    rows = re.findall(r'<tr class="data-row.*?</tr>', page, flags=re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in rows]


def sessions(response) -> list[str]:
    """The sessions of an accounts list, in its order."""
    page = response.content.decode()
    return [html.unescape(found) for found in re.findall(r'rc-sub rc-mono">([^<]*)<', page)]


def page_of(account) -> str:
    return reverse("admin:accounts_account_change", args=[account.pk])


def told(response) -> list[str]:
    """The messages that a request left for the next page."""
    return [str(message) for message in response.context["messages"]]


def ask(client: Client, verb: str, *accounts, model: str = "account", **fields):
    """Press a verb's button: the page that asks for confirmation."""
    ids = ",".join(str(account.pk) for account in accounts)
    return client.post(f"/admin/accounts/{model}/act/{verb}/", {"ids": ids} | fields)


def confirm(client: Client, asked, **fields):
    """Send the form of a confirmation page, as it is, with what was typed."""
    form = asked.context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    action = asked.context["act_url"]
    return client.post(action, sent | asked.context["extra"] | fields, follow=True)


def act(client: Client, verb: str, *accounts, model: str = "account", **fields):
    """Press and confirm; the page one is led back to."""
    return confirm(client, ask(client, verb, *accounts, model=model), **fields)
