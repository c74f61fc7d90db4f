"""Results by text keep their figures when their sender is erased, and name no number."""

from flask import Flask
from peewee import Case

from obidient.contacts import erasure
from obidient.sync.models import TextReport


def init_app(app: Flask) -> None:
    erasure.register(app, erasure.Place("Results sent by text", _erase, _count))


def _count(phone: str) -> int:
    return int(TextReport.select().where(TextReport.phone == phone).count())


def _erase(phone: str, mark: str) -> int:
    due = TextReport.answer == "due"
    return int(
        TextReport.update(phone=mark, answer=Case(None, ((due, ""),), TextReport.answer))
        .where(TextReport.phone == phone)
        .execute()
    )
