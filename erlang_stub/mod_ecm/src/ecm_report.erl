%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What operators see of this node, through ECM (docs/protocol.md of Megaphone, "stats and inspect") or commands of
%% ejabberd: its numbers, and its sessions.

-module(ecm_report).

-export([answer/4, local/1, numbers/0, of_user/1, stats/0, stats_of/1]).
-export_type([found/0]).

%% Sessions in an answer, at most, and milliseconds for which those of this node and of others have to say something.
-define(MOST, 20).
-define(LOCAL, 400).
-define(REMOTE, 700).

-type found() :: {ok, [ecm_c2s_facts:facts()], More :: non_neg_integer()} | {error, Why :: binary()}.

%% Numbers.

%% @doc Returns the body of `stats'.
-spec stats() -> iodata().
stats() ->
    [[Name, $\s, integer_to_binary(Number), $\n] || {Name, Number} <- numbers()].

%% @doc Returns the numbers of this node by name. Sessions are as they are now: a client is held if a request
%% of it is, or if it has a stream.
-spec numbers() -> [{Name :: binary(), non_neg_integer()}].
numbers() ->
    stats_of(#{in_flight => ecm_link_table:count(), streams => ecm_link_stream_table:count(),
               pending => ecm_c2s_admission:count(), counted => ecm_stats:numbers()}).

%% @doc The same, of what is given.
-spec stats_of(#{in_flight := non_neg_integer(), streams := non_neg_integer(), pending := non_neg_integer(),
                 counted := #{term() => integer()}}) -> [{Name :: binary(), non_neg_integer()}].
stats_of(#{in_flight := InFlight, streams := Streams, pending := Pending, counted := Counted}) ->
    Online = max(0, maps:get(online, Counted, 0)),
    Held = max(0, min(Online, InFlight + Streams - Pending)),
    [{<<"sessions.held">>, Held}, {<<"sessions.away">>, Online - Held}, {<<"sessions.pending">>, Pending}]
        ++ lists:sort([{name(Name), Number} || {Name, Number} <- maps:to_list(Counted), Name =/= online]).

-spec name(term()) -> binary().
name(logins_ok) -> <<"logins.ok">>;
name(logins_failed) -> <<"logins.failed">>;
name({created, Client}) -> joined([created, Client]);
name({ended, Reason}) -> joined([ended, Reason]);
name({error, Cause, Client}) -> joined([errors, Cause, Client]).

-spec joined([atom()]) -> binary().
joined(Parts) ->
    iolist_to_binary(lists:join($., [atom_to_binary(Part) || Part <- Parts])).

%% Sessions.

%% @doc Returns the content of `inspected', about a question over the link with these tables.
-spec answer(Token :: binary(), ecm_link_connection:asked(), ecm_link_table:in_flight(),
             ecm_link_stream_table:streams()) -> iodata().
answer(Token, Asked, InFlight, Streams) ->
    case find(maps:to_list(Asked), InFlight, Streams) of
        {ok, Sessions, 0} -> inspected(Token, [], Sessions);
        {ok, Sessions, More} -> inspected(Token, [{<<"more">>, integer_to_binary(More)}], Sessions);
        {error, Why} -> inspected(Token, [{<<"why">>, Why}], [])
    end.

-spec inspected(binary(), [{binary(), binary()}], [ecm_c2s_facts:facts()]) -> iodata().
inspected(Token, Fields, Sessions) ->
    Lines = [[ecm_link_message:write_fields(Facts), $\n] || Facts <- Sessions],
    ecm_link_message:write(inspected, [Token], Fields, Lines).

-spec find([{binary(), term()}], ecm_link_table:in_flight(), ecm_link_stream_table:streams()) -> found().
find([{<<"jid">>, Jid}], _, _) -> of_user(Jid);
find([{<<"sid">>, Sid}], _, _) -> of_sid(ecm_sid:find(ecm_sid_key:get(), Sid));
find([{<<"id">>, Id}], InFlight, Streams) -> of_connection(ecm_link_table:find(Id, InFlight), Id, Streams);
find(_, _, _) -> {error, <<"malformed">>}.

%% @doc Returns the sessions of a JID, with a resource or without, on all nodes.
-spec of_user(Jid :: binary()) -> found().
of_user(Text) ->
    try jid:tolower(jid:decode(Text)) of
        {User, Server, <<>>} -> asked([Pid || {_, Pid} <- ejabberd_sm:get_session_sids(User, Server)]);
        {User, Server, Resource} ->
            asked([Pid || {_, Pid} <- ejabberd_sm:get_session_sids(User, Server, Resource)])
    catch
        error:{bad_jid, _} -> {error, <<"malformed">>}
    end.

-spec of_sid({ok, pid(), ecm_sid:nonce()} | error) -> found().
of_sid(error) ->
    {error, <<"not-found">>};
of_sid({ok, Session, Nonce}) ->
    {Now, _} = ecm_c2s_place:find(Session, Nonce),
    asked([Now]).

-spec of_connection({ok, pid()} | error, ecm_link_packet:id(), ecm_link_stream_table:streams()) -> found().
of_connection({ok, Session}, _, _) ->
    asked([Session]);
of_connection(error, Id, Streams) ->
    case ecm_link_stream_table:find(Id, Streams) of
        {ok, Session} -> asked([Session]);
        error -> {error, <<"not-here">>}
    end.

%% Asks sessions, each where it is.
-spec asked([pid()]) -> found().
asked([]) ->
    {error, <<"not-found">>};
asked(Sessions) ->
    {Some, Rest} = lists:split(min(?MOST, length(Sessions)), Sessions),
    Nodes = lists:usort([node(Session) || Session <- Some]),
    case lists:append([at(Node, [Session || Session <- Some, node(Session) =:= Node]) || Node <- Nodes]) of
        [] when Nodes =:= [node()] -> {error, <<"not-found">>};
        [] -> {error, <<"elsewhere">>};
        Found -> {ok, Found, length(Rest) + length(Some) - length(Found)}
    end.

-spec at(node(), [pid()]) -> [ecm_c2s_facts:facts()].
at(Node, Sessions) when Node =:= node() ->
    local(Sessions);
at(Node, Sessions) ->
    case rpc:call(Node, ?MODULE, local, [Sessions], ?REMOTE) of
        Found when is_list(Found) -> Found;
        _ -> []  % it does not know this, or is slow
    end.

%% @doc Returns the facts of these sessions of this node, without those that are no sessions of mod_ecm, and those that
%% do not answer in time. A session that sleeps wakes up for it, and sleeps on.
-spec local([pid()]) -> [ecm_c2s_facts:facts()].
local(Sessions) ->
    Refs = [ask(Session) || Session <- Sessions, ecm_c2s_process:is_session(Session)],
    collect(Refs, erlang:monotonic_time(millisecond) + ?LOCAL).

-spec ask(pid()) -> reference().
ask(Session) ->
    Ref = monitor(process, Session),
    Session ! {ecm_inspect, self(), Ref},
    Ref.

-spec collect([reference()], Until :: integer()) -> [ecm_c2s_facts:facts()].
collect([], _) ->
    [];
collect([Ref | Refs], Until) ->
    receive
        {Ref, Facts} when is_list(Facts) ->
            demonitor(Ref, [flush]),
            [Facts | collect(Refs, Until)];
        {Ref, none} ->
            demonitor(Ref, [flush]),
            collect(Refs, Until);
        {'DOWN', Ref, process, _, _} ->
            collect(Refs, Until)
    after max(0, Until - erlang:monotonic_time(millisecond)) ->
        demonitor(Ref, [flush]),
        collect(Refs, Until)
    end.
