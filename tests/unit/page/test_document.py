"""The status page: what it says, that nothing gets into it, and that everybody can read it."""

import re
from base64 import b64encode
from hashlib import sha256

import attrs
from twisted.trial.unittest import TestCase

from ecm.log.warnings import Warned
from ecm.operated import OptionInForce, ProcessStatus
from ecm.page.document import status_page
from ecm.page.files import POLICY
from ecm.page.history import History
from ecm.page.view import View
from ecm.status.snapshot import Certificate, Connections, DoorReport, Snapshot
from testkit.seen_page import SeenPage
from testkit.status_view import DAY, DOWN, HOSTILE, NOW, UP, snapshot, view


def seen(shown: View) -> SeenPage:
    return SeenPage(status_page(shown).removeprefix("<!doctype html>"))


class StateTests(TestCase):
    def test_it_is_ready(self) -> None:
        page = seen(view())
        self.assertIn("✓ Ready ECM 1.0, since 2027-01-15 05:45:00 UTC", page.text)
        self.assertIn("with 2 workers and 2 of 2 links up", page.text)
        self.assertIn("ready – Megaphone", page.text)

    def test_it_is_not_and_says_why_first(self) -> None:
        page = seen(view(snapshot(1, DOWN), reasons=["link: down since 12 s", "draining"]))
        self.assertIn("✗ Not ready link: down since 12 s draining", page.text)
        self.assertIn("not ready – Megaphone", page.text)
        self.assertLess(page.text.index("Not ready"), page.text.index("Users online"))

    def test_of_many_reasons_it_says_the_first(self) -> None:
        page = seen(view(reasons=[f"worker {number}: draining" for number in range(1, 56)]))
        self.assertIn("worker 5: draining and 50 more ECM", page.text)

    def test_it_is_but_a_link_is_down(self) -> None:
        self.assertIn(
            "! Ready, but 1 of 2 links not up", seen(view(snapshot(1), snapshot(2, DOWN))).text
        )

    def test_it_is_but_hardly_has_room(self) -> None:
        crowded = attrs.evolve(snapshot(1), connections=Connections(9_500, 10_000))
        self.assertIn("9,500 of 10,000 connections are taken", seen(view(crowded)).text)

    def test_it_is_but_a_worker_is_late(self) -> None:
        late = seen(view(snapshot(1, lag=1.25), snapshot(2, lag=0.4))).text
        self.assertIn("Ready, but worker 1 does everything 1.2 s late ECM", late)

    def test_it_is_but_a_certificate_expires(self) -> None:
        door = DoorReport(
            "tls:x", 1, (Certificate("a.example", NOW + 3 * DAY), Certificate("b.example", NOW - 1))
        )
        page = seen(view(attrs.evolve(snapshot(1), doors=(door,)), snapshot(2)))
        self.assertIn("the certificate of a.example expires in 3 d", page.text)
        self.assertIn("the certificate of b.example has expired", page.text)
        self.assertIn("✗ expired", page.text)

    def test_nobody_has_said_anything_yet(self) -> None:
        empty = View(
            NOW, "1.0", NOW, ["no worker"], (), (ProcessStatus(1, 0, state="starting"),), History()
        )
        page = seen(empty)
        self.assertIn("Not ready no worker", page.text)
        self.assertIn("✗ starting", page.text)
        self.assertIn("no node has told its numbers", page.text)


class FiguresTests(TestCase):
    def test_users_are_those_of_each_node_once(self) -> None:
        """Each worker tells of the same node."""
        self.assertIn("Users online 13,900 ", seen(view()).text)

    def test_several_nodes_have_their_own(self) -> None:
        other = attrs.evolve(snapshot(2), node_stats={"ejabberd@chat2": {"sessions.held": 5}})
        text = seen(view(snapshot(1), other)).text
        self.assertIn("Users online 13,905 ", text)
        self.assertIn("13,900 on ejabberd@chat1.example, 5 on ejabberd@chat2", text)

    def test_connections_are_those_of_all_workers(self) -> None:
        text = seen(view()).text
        self.assertIn("Connections 14,424 of 40,000 ", text)
        self.assertIn("12,200 HTTP, 1,740 WebSocket, 484 TCP", text)

    def test_a_worker_without_a_limit_has_all_without(self) -> None:
        unlimited = attrs.evolve(snapshot(2), connections=Connections(3))
        self.assertIn("Connections 7,215 ", seen(view(snapshot(1), unlimited)).text)

    def test_what_waits_for_a_link_is_said(self) -> None:
        waiting = attrs.evolve(snapshot(1), parked=12, parked_bytes=3_400)
        self.assertIn("12 more wait for a link, 3.4 kB", seen(view(waiting)).text)


class TablesTests(TestCase):
    def test_each_worker_has_a_row(self) -> None:
        text = seen(view(snapshot(1), snapshot(2, DOWN))).text
        self.assertIn(
            "1 ✓ serves 4101 3 7,212 5,900 ✓ 1 of 1 up 98 MB 5 min 12 s 2 h 13 min 0", text
        )
        self.assertIn("2 ✓ serves 4102 3 7,212 5,900 ✗ 0 of 1 up 104 MB 5 min 2 h 13 min 2", text)

    def test_a_worker_and_its_successor_have_a_row_each(self) -> None:
        old = attrs.evolve(snapshot(1), held=17)
        new = attrs.evolve(snapshot(1), pid=4199, held=4)
        processes = [ProcessStatus(1, 4101, state="drains"), ProcessStatus(1, 4199, 2)]
        text = seen(view(old, new, processes=processes)).text
        self.assertIn("1 ! drains 4101 1 7,212 17", text)
        self.assertIn("1 ✓ serves 4199 2 7,212 4", text)

    def test_each_link_has_a_row(self) -> None:
        text = seen(view(snapshot(1), snapshot(2, DOWN))).text
        self.assertIn("ejabberd@chat1.example 1 ✓ up typed tcp:10.0.0.5:5290 1.1 ms 0 B", text)
        self.assertIn(
            "not known 2 ✗ down – tcp:10.0.0.5:5290 – 0 B 12 s Connection was refused", text
        )

    def test_a_link_that_is_full_is_no_fault_and_not_well(self) -> None:
        self.assertIn("! full", seen(view(snapshot(1, attrs.evolve(UP, state="congested")))).text)

    def test_a_warning_has_its_count(self) -> None:
        text = seen(view()).text
        self.assertIn("PROXY header: not one; aborting 203.0.113.9 ×37 ! warn 2 min 5 s", text)

    def test_options_that_were_given_come_first(self) -> None:
        text = seen(view()).text
        self.assertIn("2 of 3 options given", text)
        self.assertIn("listen tcp:7080 /etc/ecm/ecm.toml:3 www – default", text)


class SafetyTests(TestCase):
    def test_no_text_of_others_becomes_an_element(self) -> None:
        link = attrs.evolve(
            DOWN, node=HOSTILE, endpoint=HOSTILE, error=HOSTILE, state=HOSTILE, protocol=HOSTILE
        )
        door = DoorReport(HOSTILE, 1, (Certificate(HOSTILE, NOW),))
        hostile = attrs.evolve(
            snapshot(1, link),
            doors=(door,),
            connections=Connections(1, 1, {HOSTILE: 1}),
            node_stats={HOSTILE: {f"sessions.{HOSTILE}": 1}},
        )
        plain = attrs.evolve(
            snapshot(1, attrs.evolve(DOWN, node="n")),
            doors=(DoorReport("e", 1, (Certificate("c", NOW),)),),
            connections=Connections(1, 1, {"t": 1}),
            node_stats={"n": {"sessions.x": 1}},
        )
        shown = [
            view(
                one,
                reasons=[text],
                version=text,
                warnings=[Warned(text, text, 1, NOW)],
                options=[OptionInForce(text, (text,), text)],
            )
            for one, text in ((hostile, HOSTILE), (plain, "x"))
        ]
        names = [[name for name, _ in seen(each).elements] for each in shown]
        self.assertEqual(*names)
        self.assertIn(HOSTILE, seen(shown[0]).text)

    def test_its_policy_knows_its_style_and_its_script_alone(self) -> None:
        page = status_page(view())
        for kind, element in (("style-src", "style"), ("script-src", "script")):
            [content] = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
            digest = b64encode(sha256(content.encode()).digest()).decode()
            self.assertIn(f"{kind} 'sha256-{digest}';", POLICY)
        self.assertIn("default-src 'none'", POLICY)
        self.assertNotIn("unsafe", POLICY)

    def test_it_asks_for_nothing_and_has_no_style_of_an_element(self) -> None:
        page = seen(view())
        for name, attributes in page.elements:
            self.assertNotIn("style", attributes, name)
            self.assertFalse([each for each in attributes if each.startswith("on")], name)
            for link in (attributes.get("href"), attributes.get("src"), attributes.get("action")):
                self.assertRegex(link or "", r"^(data:image/svg\+xml,|[a-z.]*$)")


class ReadersTests(TestCase):
    def test_each_table_and_its_cells_say_what_they_are(self) -> None:
        page = seen(view())
        self.assertTrue(all(each["aria-label"] for each in page.named("table")))
        self.assertTrue(all(each["scope"] in ("row", "col") for each in page.named("th")))
        self.assertTrue(all(each["data-label"] for each in page.named("td")))

    def test_each_drawing_has_its_words(self) -> None:
        drawings = seen(view()).named("svg")
        self.assertEqual(len(drawings), 6)
        self.assertTrue(all(each["role"] == "img" and each["aria-label"] for each in drawings))

    def test_it_works_without_a_script(self) -> None:
        [refresh] = [each for each in seen(view()).named("meta") if "http-equiv" in each]
        self.assertEqual(refresh["http-equiv"], "refresh")

    def test_the_field_has_a_label(self) -> None:
        page = seen(view())
        [field], [label] = page.named("input"), page.named("label")
        self.assertEqual(field["id"], label["for"])
        self.assertEqual(seen(view()).named("html"), [{"lang": "en"}])

    def test_ids_are_of_one_element_each(self) -> None:
        ids = [each["id"] for _, each in seen(view()).elements if "id" in each]
        self.assertEqual(len(ids), len({*ids}))


class SizeTests(TestCase):
    def test_a_page_of_many_workers_is_bounded(self) -> None:
        many = [snapshot(number) for number in range(1, 65)]
        processes = [ProcessStatus(number, number) for number in range(1, 65)]
        self.assertLess(len(status_page(view(*many, processes=processes))), 200_000)
        self.assertIsInstance(many[0], Snapshot)
