%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Sessions as rows of our table.

-module(ecm_sm_row_tests).

-include_lib("eunit/include/eunit.hrl").
-include_lib("ejabberd/include/ejabberd_sm.hrl").

-import(proper_types, [atom/0, binary/0, byte/0, integer/0, integer/2, list/1, oneof/1, term/0]).

-define(COUNT, 300).

%% What ejabberd is given back is what it gave, but for the order of what it knows of a session.
session_is_the_same_test_() ->
    {timeout, 60, fun() -> ecm_property:holds(session(), fun is_same/1, ?COUNT, 41) end}.

is_same(#session{us = {User, Host}, info = Info} = Session) ->
    Row = ecm_sm_row:pack(Session),
    #session{info = Found} = Unpacked = ecm_sm_row:unpack(Row),
    Unpacked =:= ecm_sm_row:unpack(User, Host, Row)
        andalso Unpacked#session{info = []} =:= Session#session{info = []}
        andalso lists:sort(Found) =:= lists:sort(Info).

key_and_host_test_() ->
    {timeout, 60, fun() -> ecm_property:holds(session(), fun is_found/1, ?COUNT, 42) end}.

is_found(#session{us = {User, Host}} = Session) ->
    Row = ecm_sm_row:pack(Session),
    ecm_sm_row:key_of(Row) =:= ecm_sm_row:key(User, Host) andalso ecm_sm_row:host_of(Row) =:= Host.

%% The resource comes out of a stanza, which may be long, and would stay as long as the row. Erlang/OTP 27
%% tells the bits of a short binary.
a_row_keeps_no_more_than_its_own_bytes_test() ->
    Stanza = binary:copy(<<"resource">>, 1000),
    #session{usr = {User, Host, _}} = Session = example(),
    Row = ecm_sm_row:pack(Session#session{usr = {User, Host, binary:part(Stanza, 8, 8)}}),
    ?assertEqual([], [Term || Term <- tuple_to_list(Row), is_binary(Term),
                              binary:referenced_byte_size(Term) > 8 * byte_size(Term)]).

%% The node of a test has no name, and so has that of its processes.
node_test() ->
    Row = ecm_sm_row:pack(example()),
    ?assert(ecm_sm_row:is_of_node(node(), Row)),
    ?assertNot(ecm_sm_row:is_of_node('other@host', Row)).

same_session_test() ->
    #session{sid = {At, Process}} = Session = example(),
    Row = ecm_sm_row:pack(Session),
    Changed = ecm_sm_row:pack(Session#session{priority = 7, info = []}),
    Others = [ecm_sm_row:pack(Session#session{sid = Sid})
              || Sid <- [{At, spawn(fun() -> ok end)}, {{1, 2, 4}, Process}]],
    ?assertEqual([Row, Changed], ecm_sm_row:same(Row, [Row | Others] ++ [Changed])).

%% Each user has one, and what ejabberd keeps for a session has 1,140 bytes.
bytes_of_a_row_test() ->
    Table = ets:new(table, [bag]),
    Before = ets:info(Table, memory),
    ets:insert(Table, ecm_sm_row:pack(example())),
    Bytes = (ets:info(Table, memory) - Before) * erlang:system_info(wordsize),
    ?assert(Bytes =< 232),
    ets:delete(Table).

example() ->
    #session{sid = {{1, 2, 3}, self()}, usr = {<<"user12345">>, <<"chat.example">>, <<"12345678901234567890">>},
             us = {<<"user12345">>, <<"chat.example">>}, priority = 0,
             info = [{ip, {{192, 0, 2, 1}, 50000}}, {conn, http_bind}, {auth_module, ejabberd_auth_mnesia}]}.

session() ->
    made(fun({At, User, Host, Resource, Priority, Info}) ->
             #session{sid = {At, self()}, usr = {User, Host, Resource}, us = {User, Host}, priority = Priority,
                      info = Info}
         end,
         {timestamp(), part(), part(), binary(), oneof([undefined, integer(-128, 127)]), info()}).

timestamp() ->
    oneof([{integer(0, 999_999), integer(0, 999_999), integer(0, 999_999)},
           {integer(), integer(), integer()},
           {integer(), 1_000_000, 0},
           term()]).

%% A user or a host has no @.
part() -> made(fun list_to_binary/1, list(oneof([$a, $., 16#C3, integer(0, 63), integer(65, 255)]))).

info() ->
    made(fun({Ip, Conn, Auth, More}) -> Ip ++ Conn ++ Auth ++ More end,
         {part_of(ip, oneof([address(), undefined, term()])), part_of(conn, atom()), part_of(auth_module, atom()),
          list({more, term()})}).

part_of(Name, Value) -> oneof([[], [{Name, Value}]]).

address() ->
    oneof([{{byte(), byte(), byte(), byte()}, integer(0, 65_535)},
           {{byte(), byte(), byte(), byte()}, integer(65_536, 70_000)},
           {{0, 0, 0, 0, 0, 0, 0, 1}, integer(0, 65_535)}]).

made(Fun, Type) -> proper_types:bind(Type, fun(Value) -> proper_types:exactly(Fun(Value)) end, false).
