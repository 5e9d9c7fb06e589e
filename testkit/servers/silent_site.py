"""A twisted.web site that answers no POST.

Prints its port, and then how many requests wait.
"""

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site


class Silent(Resource):
    isLeaf = True
    waiting = 0

    def render_POST(self, request: Request) -> int:
        self.waiting += 1
        return NOT_DONE_YET


def main() -> None:
    resource = Silent()
    site: Any = Site(resource)
    port: Any = reactor.listenTCP(0, site, backlog=4096, interface="127.0.0.1")
    print(port.getHost().port)
    LoopingCall(lambda: print(resource.waiting)).start(0.1)
    reactor.run()


if __name__ == "__main__":
    main()
