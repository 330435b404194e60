"""What the files may ever take of whoever applies them: the abilities that doctor asks for."""

import pytest

from reconciler.config import uses


@pytest.mark.parametrize(
    ("text", "abilities"),
    [
        ("", set()),
        ("users: {}", set()),
        ("users: {a@b.nl: {}}", set()),
        ("users: {a@b.nl: {licenses: []}}", {"assign", "revoke"}),
        ("users: {a@b.nl: {licenses: {add: [EMS]}, exclude: [SPE_E5]}}", {"assign", "revoke"}),
        ("users: {a@b.nl: {exclude: [SPE_E5]}}", {"assign", "revoke"}),
        ("users: {a@b.nl: {ensure: absent}}", {"delete"}),
        ("users: {a@b.nl: {restore: 00000000-0000-0000-0000-000000000001}}", {"delete"}),
        ("users: {a@b.nl: {leaver: {last_day: 2026-12-31}}}", {"profile", "revoke", "delete"}),
        ("users: {a@b.nl: {usage_location: NL}}", {"usage-location"}),
        ("users: {a@b.nl: {department: Sales}}", {"profile"}),
        ("users: {a@b.nl: {name: Anna}}", {"profile", "create"}),
        ("users: {a@b.nl: {name: Anna, id: 00000000-0000-0000-0000-000000000001}}", {"profile"}),
        ("defaults: {usage_location: NL}", {"usage-location"}),
        ("defaults: {disable_before_delete: 30d}", {"profile"}),
        ("defaults: {licenses: add}", set()),
        ("unlisted_users: revoke", {"assign", "revoke"}),
        ("unlisted_users: keep", set()),
        ("groups: {Sales: {licenses: [EMS]}}", {"group-licenses"}),
        ("groups: {Sales: {members: [a@b.nl]}}", {"members"}),
        ("groups: {Sales: {}}", set()),
        ("rules: [{name: r, when: {department: Sales}, licenses: [EMS]}]", {"assign", "revoke"}),
        ("subscriptions: {EMS: {seats: 5}}", {"buy"}),
        ("subscriptions: {EMS: {auto_renew: true}}", {"buy"}),
        ("subscriptions: {EMS: {price: {amount: '1', currency: EUR}}}", set()),
    ],
)
def test_abilities_follow_from_what_is_declared(load, text, abilities):
    assert uses.abilities(load(text)) == abilities


def test_a_row_of_a_table_counts_as_an_entry(load):
    text = "users_from: {csv: hr.csv, columns: {upn: Email, department: Dept}}\n"
    document = load(text, hr="Email,Dept\nanna@contoso.com,Sales\n")
    assert uses.abilities(document) == {"profile"}
