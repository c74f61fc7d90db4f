"""Contacts that are already there and whose number gets no texts: landlines, toll-free ones."""

from phonenumbers import NumberParseException, PhoneNumberType, number_type, parse

#: As contacts/phones.py calls them; kept here, since a migration is never changed.
KINDS = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.UAN: "a company's number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
}


def up(migrator, db):
    # Nearly all numbers are Nigerian mobile ones: these are not looked at.
    rows = db.execute_sql(
        "SELECT id, phone FROM contact WHERE phone LIKE '+%' AND NOT ("
        "phone LIKE '+23470%' OR phone LIKE '+23480%' OR phone LIKE '+23481%' "
        "OR phone LIKE '+23490%' OR phone LIKE '+23491%') "
        "OR phone LIKE '+234700%' OR phone LIKE '+234800%'"
        if db.param == "?"
        else "SELECT id, phone FROM contact WHERE phone LIKE '+%%' "
        "AND phone !~ '^\\+234(70|80|81|90|91)' OR phone ~ '^\\+234(700|800)'"
    ).fetchall()
    for contact_id, phone in rows:
        try:
            kind = KINDS.get(number_type(parse(phone)))
        except NumberParseException:
            continue
        if kind:
            db.execute_sql(
                f"UPDATE contact SET textless = {db.param} WHERE id = {db.param}",
                (kind, contact_id),
            )


def down(migrator, db):
    db.execute_sql("UPDATE contact SET textless = NULL")
