%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session of ejabberd_sm as a row of our table: a fifth of the bytes. Pure.
%%
%% A row is a flat tuple, since each term in a tuple of its own takes a word more for its header, and another for the
%% pointer. Times and addresses are numbers that fit into a word. What does not fit the form stays as it is.

-module(ecm_sm_row).

-export([attributes/0, host_of/1, is_of_node/2, key/2, key_of/1, pack/1, same/2, unpack/1, unpack/3]).
-export_type([key/0, row/0]).

-include_lib("ejabberd/include/ejabberd_sm.hrl").

%% The sessions of a user, `user@host'.
-type key() :: binary().

%% Microseconds of a second, and seconds of a megasecond.
-define(MICRO, 1_000_000).

%% No session has this value: none is there.
-define(NONE, 'ecm$none').

%% The attributes never change: the nodes of a cluster share the table, and may run different releases. The record is
%% known here alone.
-record(ecm_session, {key :: key(),
                      process :: pid(),
                      at :: non_neg_integer() | {term()},
                      resource :: binary(),
                      priority :: prio(),
                      ip :: non_neg_integer() | {term()} | ?NONE,
                      conn :: atom(),
                      auth_module :: atom(),
                      more :: info()}).

%% Not opaque, since Mnesia and ETS take and return tuples.
-type row() :: #ecm_session{}.

%% @doc Returns the names of the attributes, as Mnesia wants them.
-spec attributes() -> [atom()].
attributes() -> record_info(fields, ecm_session).

%% @doc Returns the key of a user, both parts as ejabberd has them prepared. A user has no `@', so it is unambiguous. To
%% write `<<User/binary, $@, Host/binary>>' takes longer, and leaves room for more behind it.
-spec key(User :: binary(), Host :: binary()) -> key().
key(User, Host) -> iolist_to_binary([User, $@, Host]).

%% @doc Returns the row of a session. The resource may be a part of the stanza that it was read from, which is not kept.
-spec pack(#session{}) -> row().
pack(#session{sid = {At, Process}, usr = {User, Host, Resource}, priority = Priority, info = Info}) ->
    {Ip, Rest1} = take(ip, Info),
    {Conn, Rest2} = take(conn, Rest1),
    {Auth, More} = take(auth_module, Rest2),
    #ecm_session{key = key(User, Host), process = Process, at = pack_time(At),
                 resource = binary:copy(Resource), priority = Priority, ip = pack_ip(Ip), conn = Conn,
                 auth_module = Auth, more = More}.

-spec take(Name :: atom(), info()) -> {term(), info()}.
take(Name, Info) ->
    case lists:keytake(Name, 1, Info) of
        {value, {_, Value}, Rest} -> {Value, Rest};
        false -> {?NONE, Info}
    end.

%% @doc Returns the session of a row. What ejabberd keeps of it has an order of its own.
-spec unpack(row()) -> #session{}.
unpack(#ecm_session{key = Key} = Row) ->
    [User, Host] = binary:split(Key, <<"@">>),
    unpack(User, Host, Row).

%% @doc The same, of a row whose user is known: each stanza looks for the sessions of its user several times.
-spec unpack(User :: binary(), Host :: binary(), row()) -> #session{}.
unpack(User, Host, #ecm_session{process = Process, at = At, resource = Resource, priority = Priority, ip = Ip,
                                conn = Conn, auth_module = Auth, more = More}) ->
    Info = add(ip, unpack_ip(Ip), add(conn, Conn, add(auth_module, Auth, More))),
    #session{sid = {unpack_time(At), Process}, usr = {User, Host, Resource}, us = {User, Host}, priority = Priority,
             info = Info}.

-spec add(Name :: atom(), Value :: term(), info()) -> info().
add(_, ?NONE, Info) -> Info;
add(Name, Value, Info) -> [{Name, Value} | Info].

-spec pack_time(term()) -> non_neg_integer() | {term()}.
pack_time({Mega, Seconds, Micro}) when is_integer(Mega), Mega >= 0, Mega < ?MICRO, is_integer(Seconds), Seconds >= 0,
                                       Seconds < ?MICRO, is_integer(Micro), Micro >= 0, Micro < ?MICRO ->
    (Mega * ?MICRO + Seconds) * ?MICRO + Micro;
pack_time(Other) -> {Other}.

-spec unpack_time(non_neg_integer() | {term()}) -> term().
unpack_time(At) when is_integer(At) ->
    {At div (?MICRO * ?MICRO), At div ?MICRO rem ?MICRO, At rem ?MICRO};
unpack_time({Other}) -> Other.

-spec pack_ip(term()) -> non_neg_integer() | {term()} | ?NONE.
pack_ip({{A, B, C, D}, Port}) when is_integer(Port), Port >= 0, Port < 65_536 ->
    <<Number:48>> = <<A, B, C, D, Port:16>>,
    Number;
pack_ip(?NONE) -> ?NONE;
pack_ip(Other) -> {Other}.

-spec unpack_ip(non_neg_integer() | {term()} | ?NONE) -> term().
unpack_ip(Number) when is_integer(Number) ->
    <<A, B, C, D, Port:16>> = <<Number:48>>,
    {{A, B, C, D}, Port};
unpack_ip(?NONE) -> ?NONE;
unpack_ip({Other}) -> Other.

%% @doc Returns those of some rows of a user that are of the session of one row.
-spec same(row(), [row()]) -> [row()].
same(#ecm_session{process = Process, at = At}, Rows) ->
    [Row || #ecm_session{process = Its, at = Since} = Row <- Rows, Its =:= Process, Since =:= At].

%% @doc Returns the key of a row.
-spec key_of(row()) -> key().
key_of(#ecm_session{key = Key}) -> Key.

%% @doc Returns the host of a row's user.
-spec host_of(row()) -> binary().
host_of(#ecm_session{key = Key}) ->
    [_, Host] = binary:split(Key, <<"@">>),
    Host.

%% @doc Returns whether the session of a row is on a node.
-spec is_of_node(node(), row()) -> boolean().
is_of_node(Node, #ecm_session{process = Process}) -> node(Process) =:= Node.
