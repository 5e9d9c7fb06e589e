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

-export([run/5, start/5]).
-export_type([ask/0, link/0]).

-include_lib("ejabberd/include/logger.hrl").

%% How a session is asked: returns status and body of the answer.
-type ask() :: fun((Body :: binary(), Client :: ecm_peer:peer()) -> {200..599, iodata()}).

%% Where the answer goes: at most `max_packet' bytes, header included; `peer' is for the log.
-type link() :: #{form := ecm_dialogue:form(), max_packet := pos_integer(),
                  writer := ecm_writer:writer(), peer := ecm_peer:peer()}.

%% @doc Starts the process, with a monitor of the caller.
-spec start(ecm_packet:id(), Body :: binary(), Client :: ecm_peer:peer(), ask(), link()) ->
    {pid(), Monitor :: reference()}.
start(Id, Body, Client, Ask, Link) ->
    spawn_monitor(?MODULE, run, [Id, Body, Client, Ask, Link]).

%% @private
-spec run(ecm_packet:id(), binary(), ecm_peer:peer(), ask(), link()) -> ok.
run(Id, Body, Client, Ask, #{writer := Writer} = Link) ->
    ecm_writer:send(Writer, limit(answer(Id, Body, Client, Ask, Link), Id, Link)).

-spec answer(ecm_packet:id(), binary(), ecm_peer:peer(), ask(), link()) -> Packet :: binary().
answer(Id, Body, Client, Ask, #{peer := Peer} = Link) ->
    try packet(Id, Ask(Body, Client), Link)
    catch Class:Reason:Stack ->
        ?ERROR_MSG("ECM link from ~ts: the session failed at a request on connection ~B: "
                   "~s:~0P in ~s", [ecm_peer:name(Peer), Id, Class, Reason, 20, place(Stack)]),
        refusal(Id, Link)
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
%% else; and again, once the client repeats its request.
-spec limit(Packet :: binary(), ecm_packet:id(), link()) -> binary().
limit(Packet, Id, #{max_packet := MaxPacket, peer := Peer} = Link)
  when byte_size(Packet) > MaxPacket ->
    ?WARNING_MSG("ECM link from ~ts: dropped an answer of ~B bytes on connection ~B: "
                 "max_packet is ~B, raise it here and in ECM",
                 [ecm_peer:name(Peer), byte_size(Packet), Id, MaxPacket]),
    refusal(Id, Link);
limit(Packet, _, _) ->
    Packet.

-spec refusal(ecm_packet:id(), link()) -> binary().
refusal(Id, Link) ->
    packet(Id, {200, ecm_bosh:terminate(<<"internal-server-error">>)}, Link).

%% One binary, so that the writer's mailbox shares it and copies nothing.
-spec packet(ecm_packet:id(), {200..599, iodata()}, link()) -> binary().
packet(Id, {Status, Answer}, #{form := Form}) ->
    iolist_to_binary(ecm_packet:encode(Id, ecm_dialogue:answer(Form, Status, Answer))).
