from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from config import environment


class Command(BaseCommand):
    help = (
        "Make the administrator named by ROLLCALL_ADMIN_USERNAME with ROLLCALL_ADMIN_PASSWORD, "
        "unless there is a user of that name: that one is left as it is."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        username = environment.text("ROLLCALL_ADMIN_USERNAME")
        password = environment.secret("ROLLCALL_ADMIN_PASSWORD")
        if not username or not password:
            raise CommandError("set ROLLCALL_ADMIN_USERNAME and ROLLCALL_ADMIN_PASSWORD")
        users = get_user_model()._default_manager
        if users.filter(username=username).exists():
            self.stdout.write(f"There is a user {username}: left as it is.")
            return
        users.create_superuser(username=username, password=password)
        self.stdout.write(f"Made the administrator {username}.")
