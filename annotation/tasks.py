"""What runs beside the pages: items whose lease has ended go back into the queue."""

from __future__ import annotations

from celery import shared_task

from annotation.actions import leasing


@shared_task
def end_leases() -> int:
    """Ends every lease that is over; an item that nobody asks for again would otherwise look held for ever."""
    ended = 0
    while count := leasing.end_leases():
        ended += count
    return ended
