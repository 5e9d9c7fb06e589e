%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Commands of ejabberdctl, and of ejabberd's HTTP API, for operators: the numbers of this node, its links, and the
%% sessions of a user; and one that breaks links, so that they begin anew with the options that their listener has now.

-module(ecm_report_command).

-export([ecm_kick_link/1, ecm_links/0, ecm_session/1, ecm_stats/0, register/0]).

-include_lib("ejabberd/include/ejabberd_commands.hrl").

%% The supervisor of the links, as ejabberd_listener names it.
-define(LINKS, mod_ecm_sup).

%% Of a session.
-define(COLUMNS, [jid, node, tag, transport, client, state, peer, since, rid, held, waiting, waiting_bytes, sm,
                  errors]).

%% @doc Registers the commands with ejabberd. Idempotent.
-spec register() -> ok.
register() ->
    ecm_command:define([stats(), links(), session(), kick()]).

%% Rows have three columns: those of two become one object in JSON, which ejabberd 24.12 cannot write.
-spec stats() -> #ejabberd_commands{}.
stats() ->
    #ejabberd_commands{
       name = ecm_stats, tags = [ecm, statistics], policy = restricted,
       desc = "Numbers of mod_ecm on this node",
       longdesc = "A gauge is as it is now; a counter counts from the start of the node, and is left out while it "
                  "is 0.",
       module = ?MODULE, function = ecm_stats, args = [],
       result = {stats, {list, {stat, {tuple, [{name, string}, {value, integer}, {kind, string}]}}}},
       result_desc = "Names and numbers",
       result_example = [{"sessions.held", 12, "gauge"}, {"created.strophe", 40, "counter"}]}.

-spec links() -> #ejabberd_commands{}.
links() ->
    #ejabberd_commands{
       name = ecm_links, tags = [ecm], policy = restricted,
       desc = "Links from ECMs to this node",
       longdesc = "One row for each: the name of its ECM, its address, how it speaks, the milliseconds of the last "
                  "round trip, the requests in flight, and the streams.",
       module = ?MODULE, function = ecm_links, args = [],
       result = {links, {list, {link, {tuple, [{name, string}, {address, string}, {protocol, string},
                                               {round_trip, integer}, {requests, integer}, {streams, integer}]}}}},
       result_desc = "Links",
       result_example = [{"web1:4711", "192.0.2.7:51234", "typed", 1, 12, 0}]}.

-spec session() -> #ejabberd_commands{}.
session() ->
    #ejabberd_commands{
       name = ecm_session, tags = [ecm, session], policy = restricted,
       desc = "Sessions of a user of mod_ecm, on all nodes",
       longdesc = "ecm_session alice@chat.example: all sessions of the user, 20 at most.\n"
                  "ecm_session alice@chat.example/web: the one with this resource.\n"
                  "One row for each, with these columns: jid, node, tag (its number in the log), transport, client, "
                  "state (held, away, pending), peer, since (seconds since 1970), rid (the last one), held (seconds "
                  "for which its request has been held), waiting (stanzas for the client), waiting-bytes, sm (stream "
                  "management), errors (the last ones with their times). What does not apply is empty. Nothing of what "
                  "the client has said is among it.",
       module = ?MODULE, function = ecm_session, args = [{jid, binary}],
       args_desc = ["JID, bare or full"], args_example = [<<"alice@chat.example">>],
       result = {sessions, {list, {session, {tuple, [{Column, string} || Column <- ?COLUMNS]}}}},
       result_desc = "Sessions",
       result_example = [{"alice@chat.example/web", "ejabberd@chat", "4711", "bosh", "strophe", "held",
                          "192.0.2.7:51234", "1795772400", "1023", "17", "0", "0", "active", ""}]}.

-spec kick() -> #ejabberd_commands{}.
kick() ->
    #ejabberd_commands{
       name = ecm_kick_link, tags = [ecm], policy = restricted,
       desc = "Break links from ECMs, which come back at once: all, or those of a name in ecm_links",
       longdesc = "A link goes on over another connection, with the options that its listener has now, and nobody "
                  "notices. Without link_grace, requests in flight are answered 503 and streams end.",
       module = ?MODULE, function = ecm_kick_link, args = [{name, binary}],
       args_desc = ["The name of an ECM, or all"], args_example = [<<"all">>],
       result = {res, restuple}, result_desc = "Result tuple",
       result_example = {ok, "1 of 1 links are broken, and come back."}}.

%% @private
-spec ecm_stats() -> [{Name :: string(), integer(), Kind :: string()}].
ecm_stats() ->
    [{binary_to_list(Name), Number, Kind}
     || {Name, Number} <- ecm_report:numbers(), Kind <- [kind(Name)], Number =/= 0 orelse Kind =:= "gauge"].

-spec kind(binary()) -> string().
kind(<<"sessions.", _/binary>>) -> "gauge";
kind(_) -> "counter".

%% @private
-spec ecm_links() -> [tuple()].
ecm_links() ->
    [{text(name(Info)), text(ecm_peer:name(Peer)), atom_to_list(Form), number(RoundTrip), InFlight, Streams}
     || {_, #{peer := Peer, form := Form, round_trip := RoundTrip, in_flight := InFlight, streams := Streams} = Info}
            <- infos()].

%% Those of links that answer. One that is not up yet has no name.
-spec infos() -> [{pid(), map()}].
infos() ->
    [{Link, Info} || {_, Link, _, _} <- children(whereis(?LINKS)), is_pid(Link), Info <- info(Link)].

-spec children(pid() | undefined) -> [tuple()].
children(undefined) -> [];
children(Supervisor) -> supervisor:which_children(Supervisor).

-spec info(pid()) -> [map()].
info(Link) ->
    try [ecm_link:info(Link)]
    catch exit:_ -> []  % it has gone, or is busy
    end.

-spec name(map()) -> binary().
name(#{instance := unknown}) -> <<"-">>;
name(#{instance := Instance}) -> Instance.

-spec number(non_neg_integer() | unknown) -> integer().
number(unknown) -> -1;
number(Number) -> Number.

%% @private
-spec ecm_session(Jid :: binary()) -> [tuple()].
ecm_session(Jid) ->
    case ecm_report:of_user(Jid) of
        {ok, Sessions, _} -> [list_to_tuple([cell(column(Column, Facts)) || Column <- ?COLUMNS]) || Facts <- Sessions];
        {error, _} -> []
    end.

-spec column(atom(), ecm_c2s_facts:facts()) -> binary().
column(waiting_bytes, Facts) -> proplists:get_value(<<"waiting-bytes">>, Facts, <<>>);
column(Column, Facts) -> proplists:get_value(atom_to_binary(Column), Facts, <<>>).

%% ejabberdctl shows an empty string as [], and an empty binary as nothing.
-spec cell(binary()) -> string() | binary().
cell(<<>>) -> <<>>;
cell(Text) -> text(Text).

%% @private
-spec ecm_kick_link(Name :: binary()) -> {ok | error, string()}.
ecm_kick_link(Name) ->
    Infos = infos(),
    case [Link || {Link, Info} <- Infos, Name =:= <<"all">> orelse name(Info) =:= Name] of
        [] when Infos =/= [], Name =/= <<"all">> ->
            {error, text(["There is no link of ", Name, "; there are: ",
                          lists:join(", ", lists:usort([name(Info) || {_, Info} <- Infos]))])};
        Links ->
            lists:foreach(fun ecm_link:kick/1, Links),
            {ok, text(io_lib:format("~B of ~B links are broken, and come back.", [length(Links), length(Infos)]))}
    end.

%% ejabberdctl takes a flat string.
-spec text(unicode:chardata()) -> string().
text(Text) ->
    unicode:characters_to_list(Text).
