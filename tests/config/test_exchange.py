"""`mailboxes_from`: an export from Exchange tells what Graph does not, each mailbox with its place.

What is said of mistakes stands in problems/mailboxes*.
"""

import pytest

from reconciler.model import Location, ToldMailbox

MAPPED = "mailboxes_from: {csv: ex.csv, columns: {upn: U, %s: X}}\n"
USUAL = (
    "PrimarySmtpAddress,UserPrincipalName,RecipientTypeDetails,TotalItemSize,ArchiveStatus,"
    "LitigationHoldEnabled,InPlaceHolds,ComplianceTagHoldApplied\n"
)


def place(row, column=1):
    return Location(file="ex.csv", line=row, column=column)


@pytest.fixture
def cell(resolve):
    """Return what a cell of a column means."""

    def cell(column, text, field):
        (mailbox,) = resolve(MAPPED % column, ex=f'U,X\na@contoso.com,"{text}"\n').mailboxes
        return getattr(mailbox, field)

    return cell


def test_exchanges_own_names_are_known(resolve):
    """And so is the way in which Exchange writes sizes."""
    row = 'x,INFO@contoso.com,SharedMailbox,"1.2 GB (1,288,490,189 bytes)",None,False,,False\n'
    assert resolve("mailboxes_from: {csv: ex.csv}\n", ex=USUAL + row).mailboxes == (
        ToldMailbox(
            address="info@contoso.com",
            location=place(2, 3),
            purpose="shared",
            bytes=1_288_490_189,
            has_archive=False,
            on_hold=False,
        ),
    )


def test_a_usual_name_may_be_missing_and_is_then_unknown(resolve):
    """Without a user principal name, the address says whose it is."""
    text = "mailboxes_from: {csv: ex.csv}\n"
    ex = "PrimarySmtpAddress;Other;ArchiveState\nb@contoso.com;1;None\na@contoso.com;2;Local\n"
    assert resolve(text, ex=ex).mailboxes == (
        ToldMailbox(address="a@contoso.com", location=place(3), has_archive=True),
        ToldMailbox(address="b@contoso.com", location=place(2), has_archive=False),
    )


def test_what_exchange_writes_besides_is_passed_over(resolve):
    """A whole export of Get-EXOMailbox, or of Get-EXOMailboxStatistics with the UPN, is read as it is."""
    mailbox = (
        "UserPrincipalName,PrimarySmtpAddress,Alias,DisplayName,Guid,ExchangeGuid,ExternalDirectoryObjectId,"
        "RecipientType,RecipientTypeDetails,ArchiveDatabase,ArchiveDatabaseGuid,ArchiveDomain,ArchiveGuid,"
        "ArchiveName,ArchiveQuota,ArchiveRelease,ArchiveState,ArchiveStatus,ArchiveWarningQuota,"
        "AutoExpandingArchiveEnabled,ComplianceTagHoldApplied,DelayHoldApplied,DelayReleaseHoldApplied,"
        "InPlaceHolds,LitigationHoldDate,LitigationHoldDuration,LitigationHoldEnabled,LitigationHoldOwner,"
        "EndDateForRetentionHold,RetainDeletedItemsFor,RetentionHoldEnabled,RetentionPolicy,"
        "StartDateForRetentionHold,MaxReceiveSize,MaxSendSize,ProhibitSendQuota,IsShared,MailboxPlan,Office"
    )
    statistics = (
        "UserPrincipalName,AssociatedItemCount,AttachmentTableTotalSize,DeletedItemCount,ItemCount,"
        "LastLogonTime,MailboxGuid,MailboxTypeDetail,MessageTableTotalSize,OtherTablesTotalSize,OwnerADGuid,"
        "SystemMessageSize,SystemMessageSizeShutoffQuota,TotalDeletedItemSize,TotalItemSize,"
        "DatabaseIssueWarningQuota,IsArchiveMailbox"
    )
    minimum = "UserPrincipalName,RecipientType,RecipientTypeDetails,MaxReceiveSize,MaxSendSize"
    for columns in (mailbox, statistics, minimum):
        cells = ["a@contoso.com", *[""] * columns.count(",")]
        (found,) = resolve("mailboxes_from: {csv: ex.csv}\n", ex=f"{columns}\n{','.join(cells)}\n").mailboxes
        assert found.address == "a@contoso.com"


def test_a_column_of_another_name_may_stand_beside_the_one_that_is_read(resolve):
    """What tells the same is read already: nothing is lost by passing over the other one."""
    ex = "UserPrincipalName,TotalItemSize,Total size (GB),ArchiveStatus,Archive?\na@contoso.com,1,1,None,no\n"
    (found,) = resolve("mailboxes_from: {csv: ex.csv}\n", ex=ex).mailboxes
    assert (found.bytes, found.has_archive) == (1, False)


def test_with_columns_only_these_are_looked_at(resolve):
    """Whoever maps columns has seen the others."""
    ex = "U,X,LitigationHold\na@contoso.com,1,True\n"
    (found,) = resolve(MAPPED % "bytes", ex=ex).mailboxes
    assert (found.bytes, found.on_hold) == (1, None)


def test_without_the_section_nothing_is_told(resolve):
    assert resolve("").mailboxes == ()


def test_other_names_are_mapped(resolve):
    text = "mailboxes_from: {csv: ex.csv, columns: {upn: Who, type: Kind, litigation_hold: Held}}\n"
    (found,) = resolve(text, ex="Held\tKind\tWho\nTrue\tuser\ta@contoso.com\n").mailboxes
    assert (found.purpose, found.on_hold, found.bytes) == ("user", True, None)


def test_what_is_told_is_part_of_the_digest(load):
    text = "mailboxes_from: {csv: ex.csv}\n"
    rows = [f"UserPrincipalName,LitigationHoldEnabled\na@contoso.com,{held}\n" for held in ("True", "False")]
    first, second = (load(text, ex=row).digest for row in rows)
    assert first != second


def test_one_file_may_list_users_and_mailboxes(resolve):
    text = (
        "users_from: {csv: ex.csv, columns: {upn: U, name: N}}\n"
        "mailboxes_from: {csv: ex.csv, columns: {upn: U, type: T}}\n"
    )
    desired = resolve(text, ex="U,N,T\na@contoso.com,Anna,user\n")
    assert [entry.name for entry in desired.entries] == ["Anna"]
    assert [mailbox.address for mailbox in desired.mailboxes] == ["a@contoso.com"]


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("UserMailbox", "user"),
        ("usermailbox", "user"),
        ("SharedMailbox", "shared"),
        ("TeamMailbox", "shared"),
        ("RoomMailbox", "room"),
        ("EquipmentMailbox", "equipment"),
        ("LinkedMailbox", "linked"),
        ("shared", "shared"),
        ("Bookings", "bookings"),
        ("", None),
    ],
)
def test_what_a_mailbox_is_for(cell, text, purpose):
    """A kind that is not known is kept: it is nobody's own."""
    assert cell("type", text, "purpose") == purpose


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("64424509440", 60 * 1024**3),
        ("1.2 GB (1,288,490,189 bytes)", 1_288_490_189),
        ("1,2 GB (1.288.490.189 bytes)", 1_288_490_189),
        ("1,2 GB (1 288 490 189 bytes)", 1_288_490_189),
        ("0 B (0 bytes)", 0),
        ("1,024 bytes", 1024),
        ("", None),
    ],
)
def test_the_size_of_a_mailbox(cell, text, size):
    assert cell("bytes", text, "bytes") == size


@pytest.mark.parametrize(
    ("text", "archive"),
    [
        ("Active", True),
        ("HostedProvisioned", True),
        ("Local", True),
        ("None", False),
        ("TRUE", True),
        ("no", False),
        ("00000000-0000-0000-0000-000000000000", False),
        ("7E06B566-15f3-4013-8bf8-79874d52e68a", True),
        ("", None),
    ],
)
def test_whether_there_is_an_archive(cell, text, archive):
    assert cell("archive", text, "has_archive") is archive


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("mbxcdbbb86ce60342489bff371876e7f224:2", True),
        ("skpcdbbb86ce60342489bff371876e7f224:3", True),
        ("UniH7d895d48-7e23-4a8d-8346-533c3beac15d", True),
        ("c0ba3ce811b6432a8751430937152491", True),
        ("mbxcdbbb86ce60342489bff371876e7f224:1", None),
        ("-mbxcdbbb86ce60342489bff371876e7f224:2", None),
        ("{cld9c1d9f1b8e3b4a1c8a2f0d7a1e3b5c7d, c0ba3ce811b6432a8751430937152491}", True),
        ("{}", None),
        ("", None),
    ],
)
def test_what_holds_a_mailbox(resolve, text, held):
    """A policy that only deletes holds nothing, nor does an exception from one of the organisation."""
    ex = f'U,X\na@contoso.com,"{text}"\n'
    (mailbox,) = resolve(MAPPED % "in_place_holds", ex=ex).mailboxes
    assert mailbox.on_hold is held


@pytest.mark.parametrize(
    ("litigation", "in_place", "retention", "held"),
    [
        ("False", "", "False", False),
        ("False", "", "", False),
        ("False", "", "True", True),
        ("True", "", "", True),
        ("", "", "False", None),
        ("", "c0ba3ce811b6432a8751430937152491", "", True),
    ],
)
def test_no_hold_is_told_only_where_both_kinds_are_known(resolve, litigation, in_place, retention, held):
    columns = "litigation_hold: L, in_place_holds: I, retention_hold: R"
    (mailbox,) = resolve(
        f"mailboxes_from: {{csv: ex.csv, columns: {{upn: U, {columns}}}}}\n",
        ex=f"U,L,I,R\na@contoso.com,{litigation},{in_place},{retention}\n",
    ).mailboxes
    assert mailbox.on_hold is held


def test_without_a_column_of_holds_none_is_not_told(resolve):
    """That there is no litigation hold says nothing of the other holds."""
    (mailbox,) = resolve(MAPPED % "litigation_hold", ex="U,X\na@contoso.com,False\n").mailboxes
    assert mailbox.on_hold is None


def test_a_large_export_is_read(load):
    rows = "".join(f"u{n}@contoso.com,UserMailbox,{n},None,False,,False\n" for n in range(20_000))
    header = USUAL.partition(",")[2]
    document = load("mailboxes_from: {csv: ex.csv}\n", ex=header + rows)
    assert (document.problems, len(document.exports[0].data["mailboxes"])) == ([], 20_000)
