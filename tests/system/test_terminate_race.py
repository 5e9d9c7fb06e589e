"""A user says goodbye in the moment in which messages are on their way."""

from twisted.trial.unittest import TestCase

from testkit.population import Crowd
from testkit.private_ejabberd import running_ejabberd


class GoodbyeTests(TestCase):
    timeout = 60

    async def test_what_was_kept_for_somebody_who_leaves_at_once_is_kept_again(self) -> None:
        crowd = Crowd(self, running_ejabberd())
        await crowd.connect()
        [link, *_] = crowd.links
        juliet, romeo = people = await crowd.give_birth(2)
        client = await crowd.log_in(romeo)
        texts = ["one", "two", "three"]
        client.send(crowd.say(romeo, juliet, client, texts)[0].request, link)
        await client.sync(link)
        self.assertEqual(await crowd.stored(juliet), texts)
        await crowd.log_in(juliet)
        await crowd.leave(juliet, link)  # without a look at what comes
        await crowd.until_ended(juliet.past)
        self.assertEqual(await crowd.stored(juliet), texts)
        await crowd.leave(romeo, link)
        await crowd.until_ended(romeo.past)
        await crowd.bury(people)
