%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of one exchange: one request that came over a link, and its answer.
%%
%% The link starts it with the body of the request; it asks the session, waits as long as the
%% session holds the request, and hands the answer, under the same connection ID, to the writer of
%% the link. It always answers, and never fails: what goes wrong in a session is logged here, and
%% concerns neither the link nor other sessions. It does not end with its link. A session may
%% answer later, and an answer that nobody takes any more is kept by the session, for the client
%% that repeats its RID.

-module(ecm_exchange).

-export([handler/2, run/6]).
-export_type([ask/0]).

-include_lib("ejabberd/include/logger.hrl").

%% How a session is asked: returns the content of the answer.
-type ask() :: fun((Body :: binary(), ecm_peer:peer()) -> iodata()).

%% @doc Returns what a link has to do with a packet: start an exchange that asks with `Ask', and
%% answers with at most `MaxPacket' bytes, header included.
-spec handler(ask(), MaxPacket :: pos_integer()) -> ecm_link:handler().
handler(Ask, MaxPacket) ->
    fun(Id, Body, Peer, Writer) ->
        spawn(?MODULE, run, [Id, Body, Peer, Writer, Ask, MaxPacket])
    end.

%% @private
-spec run(ecm_packet:id(), binary(), ecm_peer:peer(), pid(), ask(), pos_integer()) -> ok.
run(Id, Body, Peer, Writer, Ask, MaxPacket) ->
    ecm_writer:send(Writer, limit(MaxPacket, answer(Id, Body, Peer, Ask), Id, Peer)).

-spec answer(ecm_packet:id(), binary(), ecm_peer:peer(), ask()) -> Packet :: binary().
answer(Id, Body, Peer, Ask) ->
    try packet(Id, Ask(Body, Peer))
    catch Class:Reason:Stack ->
        ?ERROR_MSG("ECM link from ~ts: the session failed at a request on connection ~B: "
                   "~s:~0P in ~s", [ecm_peer:name(Peer), Id, Class, Reason, 20, place(Stack)]),
        refusal(Id)
    end.

%% Where it failed. Not with which arguments: they can hold the request, and that a password.
-spec place([tuple()]) -> io_lib:chars().
place([{Module, Function, Arguments, _} | Stack]) when is_list(Arguments) ->
    place([{Module, Function, length(Arguments), []} | Stack]);
place([{Module, Function, Arity, _} | _]) ->
    io_lib:format("~s:~s/~B", [Module, Function, Arity]);
place([]) ->
    "an unknown place".

%% A packet above the peer's limit would take down the link, and with it the requests of everyone
%% else; and again, once the client repeats its request. Both ends are given the same limit.
-spec limit(pos_integer(), Packet :: binary(), ecm_packet:id(), ecm_peer:peer()) -> binary().
limit(MaxPacket, Packet, Id, Peer) when byte_size(Packet) > MaxPacket ->
    ?WARNING_MSG("ECM link from ~ts: dropped an answer of ~B bytes on connection ~B: "
                 "max_packet is ~B, raise it here and in ECM",
                 [ecm_peer:name(Peer), byte_size(Packet), Id, MaxPacket]),
    refusal(Id);
limit(_, Packet, _, _) ->
    Packet.

-spec refusal(ecm_packet:id()) -> binary().
refusal(Id) ->
    packet(Id, ecm_bosh:terminate(<<"internal-server-error">>)).

%% One binary, so that the writer's mailbox shares it and copies nothing.
-spec packet(ecm_packet:id(), iodata()) -> binary().
packet(Id, Content) ->
    iolist_to_binary(ecm_packet:encode(Id, Content)).
