"""What befalls us: worker, scheduler, Redis, our network and our own web."""

from __future__ import annotations

from tests.simulation.fates.stage import Fates

# How often each happens a day.
RATES = {
    "kill_worker": 8.0,
    "kill_beat": 6.0,
    "kill_redis": 5.0,
    "two_beats": 4.0,
    "cut_the_network": 3.0,
    "untidy_queue": 4.0,
    "web_down": 4.0,
    "stumble": 3.0,
}


class ToUs(Fates):
    def kill_worker(self) -> None:
        self.stage.worker.die()
        self.soon(2, 150, self.stage.worker.come_back)

    def kill_beat(self) -> None:
        self.stage.worker.beat_is_dead = True

        def over() -> None:
            self.stage.worker.beat_is_dead = False

        self.soon(5, 200, over)

    def kill_redis(self) -> None:
        self.stage.worker.lose_redis()
        self.soon(2, 120, self.stage.worker.find_redis)

    def two_beats(self) -> None:
        self.stage.worker.beats = 2

        def over() -> None:
            self.stage.worker.beats = 1

        self.soon(600, 3600, over)

    def cut_the_network(self) -> None:
        """Cut off all gateways at once, for us alone."""
        for site in self.stage.estate.sites:
            site.line.is_cut = True
            site.touch()

        def over() -> None:
            for site in self.stage.estate.sites:
                site.line.is_cut = False
                site.touch()

        self.soon(5, 300, over)

    def untidy_queue(self) -> None:
        chances = self.stage.worker.chances
        chances.twice, chances.late = 0.3, 0.5

        def over() -> None:
            chances.twice, chances.late = 0.01, 0.05

        self.soon(300, 3600, over)

    def web_down(self) -> None:
        for site in self.stage.estate.sites:
            site.post.web_is_down = True

        def over() -> None:
            for site in self.stage.estate.sites:
                site.post.web_is_down = False

        self.soon(2, 60, over)

    def stumble(self) -> None:
        """Let the database refuse some locks for a while."""
        watcher = self.stage.worker.watcher
        watcher.stumbles = 0.03

        def over() -> None:
            watcher.stumbles = 0.0

        self.soon(60, 600, over)
