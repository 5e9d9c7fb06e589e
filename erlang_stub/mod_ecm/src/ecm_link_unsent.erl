%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The messages on streams that ECM has not acknowledged, by connection, while a link has no connection to ECM, or
%% ends. Those who would have got them may never come back: what is left then is for their sessions to route. Pure.

-module(ecm_link_unsent).

-export([add/3, foreach/2, messages/2, new/1]).
-export_type([unsent/0]).

%% The newest message first.
-opaque unsent() :: #{ecm_link_packet:id() => [Body :: binary(), ...]}.

%% @doc Returns those among these packets, the oldest of which comes first.
-spec new([Packet :: iodata()]) -> unsent().
new(Packets) ->
    lists:foldl(fun add_packet/2, #{}, Packets).

%% A piece of a long answer is no binary.
-spec add_packet(iodata(), unsent()) -> unsent().
add_packet(<<_:11/binary, Id:20/binary, $|, "message\n", Body/binary>>, Unsent) ->
    add(binary_to_integer(Id), Body, Unsent);
add_packet(_, Unsent) ->
    Unsent.

%% @doc Adds one that came later.
-spec add(ecm_link_packet:id(), Body :: binary(), unsent()) -> unsent().
add(Id, Body, Unsent) ->
    maps:update_with(Id, fun(Bodies) -> [Body | Bodies] end, [Body], Unsent).

%% @doc Returns those of a stream, the oldest first.
-spec messages(ecm_link_packet:id(), unsent()) -> [Body :: binary()].
messages(Id, Unsent) ->
    lists:reverse(maps:get(Id, Unsent, [])).

%% @doc Calls a function with each stream that has some, and these.
-spec foreach(fun((ecm_link_packet:id(), [Body :: binary()]) -> any()), unsent()) -> ok.
foreach(Do, Unsent) ->
    lists:foreach(fun(Id) -> Do(Id, messages(Id, Unsent)) end, maps:keys(Unsent)).
