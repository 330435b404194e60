"""How is a tenant laid out in SQLite?

`users.resource` holds a user's Graph properties as JSON, less licences, which stand in `assignments`,
one row per source. What can be counted is counted, never stored; only what a snapshot told beyond its
parts is kept, as remainders of `skus` (loading.py). Instants are texts in UTC that sort by time.
"""

from __future__ import annotations

VERSION = 3

TABLES = (
    "audit",
    "queue",
    "role_assignments",
    "members",
    "groups",
    "mailboxes",
    "assignments",
    "addresses",
    "subscriptions",
    "skus",
    "users",
    "tenant",
)
"""All tables, those that refer to others first."""

LAYOUT = (
    "CREATE TABLE tenant (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # upn and mail are in lower case; a soft-deleted user's upn is the one it had.
    """CREATE TABLE users (
        id TEXT PRIMARY KEY, upn TEXT NOT NULL, mail TEXT, deleted_at TEXT, resource TEXT NOT NULL
    ) WITHOUT ROWID""",
    # proxy addresses of users who are not deleted, in lower case with their prefix
    """CREATE TABLE addresses (
        address TEXT NOT NULL, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
        PRIMARY KEY (address, user_id)
    ) WITHOUT ROWID""",
    # group_id '' is a direct assignment; remembered = 1: of a soft-deleted user, takes no seat
    """CREATE TABLE assignments (
        user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE, sku_id TEXT NOT NULL,
        group_id TEXT NOT NULL DEFAULT '', disabled_plans TEXT NOT NULL DEFAULT '[]',
        state TEXT NOT NULL DEFAULT 'Active', error TEXT NOT NULL DEFAULT 'None', updated_at TEXT,
        remembered INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (user_id, sku_id, group_id)
    ) WITHOUT ROWID""",
    # purpose "user" goes with its licence; shared, room and equipment mailboxes need none
    """CREATE TABLE mailboxes (
        user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE, purpose TEXT, bytes INTEGER,
        has_archive INTEGER, on_hold INTEGER, disconnected_at TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE skus (
        sku_id TEXT PRIMARY KEY, part_number TEXT NOT NULL, applies_to TEXT NOT NULL, status TEXT NOT NULL,
        plans TEXT NOT NULL, consumed_more INTEGER NOT NULL DEFAULT 0,
        enabled_more INTEGER NOT NULL DEFAULT 0, warning_more INTEGER NOT NULL DEFAULT 0,
        suspended_more INTEGER NOT NULL DEFAULT 0, locked_out_more INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    # auto_renew NULL: nobody told; term_days: how long a renewal lasts
    """CREATE TABLE subscriptions (
        id TEXT PRIMARY KEY, sku_id TEXT NOT NULL REFERENCES skus ON DELETE CASCADE, status TEXT NOT NULL,
        seats INTEGER NOT NULL, created_at TEXT, next_at TEXT, is_trial INTEGER NOT NULL DEFAULT 0,
        auto_renew INTEGER, owner_type TEXT, commerce_id TEXT, term_days INTEGER NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL, resource TEXT NOT NULL) WITHOUT ROWID",
    # member_id is a user's, or a group's: a nested one
    """CREATE TABLE members (
        group_id TEXT NOT NULL REFERENCES groups ON DELETE CASCADE, member_id TEXT NOT NULL,
        PRIMARY KEY (group_id, member_id)
    ) WITHOUT ROWID""",
    # what group-based licensing still has to do: of all members of a group where user_id is ''
    """CREATE TABLE queue (
        id INTEGER PRIMARY KEY, group_id TEXT NOT NULL REFERENCES groups ON DELETE CASCADE,
        user_id TEXT NOT NULL DEFAULT '', queued_at TEXT NOT NULL, due_at TEXT NOT NULL
    )""",
    # who is meant stays although the user is gone; old and new are SKU id → plans that are off, as JSON
    """CREATE TABLE audit (
        id INTEGER PRIMARY KEY, at TEXT NOT NULL, activity TEXT NOT NULL, user_id TEXT NOT NULL,
        upn TEXT NOT NULL, correlation TEXT NOT NULL, initiator TEXT NOT NULL, old TEXT, new TEXT
    )""",
    """CREATE TABLE role_assignments (
        principal_id TEXT NOT NULL, template_id TEXT NOT NULL, scope TEXT NOT NULL DEFAULT '/',
        PRIMARY KEY (principal_id, template_id, scope)
    ) WITHOUT ROWID""",
)

INDEXES = (
    "CREATE UNIQUE INDEX users_upn ON users (upn) WHERE deleted_at IS NULL",
    "CREATE INDEX users_deleted ON users (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX addresses_user ON addresses (user_id)",
    """CREATE INDEX assignments_seats ON assignments (sku_id, user_id, remembered, state)
        WHERE remembered = 0 AND state <> 'Error'""",
    "CREATE INDEX assignments_group ON assignments (group_id, user_id) WHERE group_id <> ''",
    "CREATE INDEX subscriptions_sku ON subscriptions (sku_id)",
    "CREATE INDEX members_member ON members (member_id)",
)
"""Made after the rows of a snapshot have come in: that is several times faster."""
