%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What ejabberd knows of a session, in as little memory as possible, for a process that hibernates: the
%% state of ejabberd_c2s, and what ejabberd has put into the dictionary of the process.
%%
%% Most of it is the same in all sessions of a host, and is kept once, as a template. Only the difference is
%% packed, in the external term format, which takes less than half of the memory of the terms. And what
%% belongs to one session says the same things several times; that is written once.

-module(ecm_c2s_pack).

-export([pack/3, unpack/2]).
-export_type([dictionary/0, packed/0]).

%% Keys that belong to one session, and are not in the template. A key from which others are derived comes
%% before them.
-define(OWN, [ip, user, resource, sid, jid, owner, pres_a, pres_last, pres_timestamp, socket,
              socket_monitor, stream_id]).

%% Stands for a missing key; no value is like this.
-define(NONE, '$').

%% Bytes that are packed into an integer, at most. An integer is on the heap of the process and takes no more
%% than that; a binary takes some 100 bytes beside its own. But a heap is copied each time that the process
%% wakes up.
-define(MAX_INTEGER, 1024).

%% The difference of a value from the expected one: `[]', one byte, if there is none; the difference of each
%% element if both are tuples of one size; otherwise the value, alone in a tuple if it is a tuple or a list.
-type short() :: [short()] | {Value :: term()} | Value :: term().

%% Sorted by its keys.
-type dictionary() :: [{Key :: term(), Value :: term()}].

%% What all sessions of a host have: the keys that are not of one session, as a map and as a list; the record
%% of xmpp_socket; and the dictionary, in which `label' stands for a label that can be told from the state.
-type template() :: {map(), [{term(), term()}], frame() | none, dictionary() | [label | tuple()]}.

%% A tuple, and the place in it of what differs between sessions.
-type frame() :: {Place :: pos_integer(), tuple()}.

%% An improper list, which takes less than a tuple. The template is a persistent term, which is not copied.
%% The rest has what else differs from the template, the keys that only the template has, the dictionary, and
%% the values of the session's own keys.
-opaque packed() :: nonempty_improper_list(template(), non_neg_integer() | binary()) | release_1().
-dialyzer({no_improper_lists, pack/3}).

%% What release 1 has packed, for whose sessions new code is loaded: the template was a map, and the binary had the
%% values of the own keys, what else differs, and the keys that only the template has.
-type release_1() :: {Template :: map(), binary()}.

%% @doc Packs state and dictionary of the calling process, whose socket is of this module.
-spec pack(State :: map(), dictionary(), SocketModule :: module()) -> packed().
pack(State, Dictionary, SocketModule) ->
    Brief = brief(Dictionary, State),
    {Common, Pairs, Frame, Usual} = Template = template(State, Brief, SocketModule),
    Own = [own(Key, State, Frame, SocketModule) || Key <- ?OWN],
    {Differs, Lacks} = case is_usual(State, Own, Pairs) of
                           true -> {#{}, []};
                           false -> difference(maps:without(?OWN, State), Common)
                       end,
    [Template | integer(term_to_binary([short(Differs, #{}), Lacks, short(Brief, Usual) | Own]))].

-spec integer(binary()) -> non_neg_integer() | binary().
integer(Binary) when byte_size(Binary) =< ?MAX_INTEGER -> binary:decode_unsigned(Binary);
integer(Binary) -> Binary.

%% The first byte of a term in the external format is never 0, which would be lost.
-spec bytes(non_neg_integer() | binary()) -> binary().
bytes(Integer) when is_integer(Integer) -> binary:encode_unsigned(Integer);
bytes(Binary) -> Binary.

%% ejabberd labels its processes with the user, for observers.
-spec brief(dictionary(), State :: map()) -> dictionary() | [label | tuple()].
brief([{'$process_label', {ejabberd_c2s, User, Host}} | Rest], #{user := User, lserver := Host}) ->
    [label | Rest];
brief(Dictionary, _) ->
    Dictionary.

-spec whole(dictionary() | [label | tuple()], State :: map()) -> dictionary().
whole([label | Rest], #{user := User, lserver := Host}) ->
    [{'$process_label', {ejabberd_c2s, User, Host}} | Rest];
whole(Dictionary, _) ->
    Dictionary.

-spec own(Key :: atom(), State :: map(), frame() | none, SocketModule :: module()) -> short().
own(Key, State, Frame, SocketModule) ->
    case State of
        #{Key := Value} -> short(Value, expected(Key, State, Frame, SocketModule));
        _ -> ?NONE
    end.

-spec short(Value :: term(), Expected :: term()) -> short().
short(Value, Value) ->
    [];
short(Value, Expected) when tuple_size(Value) =:= tuple_size(Expected) ->
    lists:zipwith(fun short/2, tuple_to_list(Value), tuple_to_list(Expected));
short(Value, _) when is_tuple(Value); is_list(Value) ->
    {Value};
short(Value, _) ->
    Value.

%% Most values of own keys can be derived from the rest. The records are those of ejabberd's libraries: with
%% other versions, or in an unusual session, more is written.
-spec expected(Key :: atom(), State :: map(), frame() | none, SocketModule :: module()) ->
    Expected :: term().
expected(owner, _, _, _) ->
    self();
expected(sid, _, _, _) ->
    {time, self()};
expected(pres_timestamp, #{sid := {Time, _}}, _, _) ->
    Time;
expected(pres_a, _, _, _) ->
    gb_sets:empty();
expected(jid, #{user := User, server := Server, resource := Resource}, _, _) ->
    {jid, User, Server, Resource, User, Server, Resource};
expected(pres_last, #{jid := Jid, ip := {Address, _}, lang := Lang}, _, _) ->
    {presence, <<>>, available, Lang, Jid, jid:remove_resource(Jid), undefined, [], undefined, [],
     #{ip => Address}};
expected(socket, #{ip := Ip}, {Place, Record}, Module) ->
    setelement(Place, Record, {Module, Ip});
expected(_, _, _, _) ->
    none.

%% Returns true if the state has all own keys and those of the template, and no others. This is quicker than
%% to take the own keys out of it.
-spec is_usual(State :: map(), Own :: [short()], Pairs :: [{term(), term()}]) -> boolean().
is_usual(State, Own, Pairs) ->
    map_size(State) =:= length(Own) + length(Pairs) andalso not lists:member(?NONE, Own)
        andalso has_all(Pairs, State).

-spec has_all([{term(), term()}], State :: map()) -> boolean().
has_all([{Key, Value} | Pairs], State) ->
    case State of
        #{Key := Value} -> has_all(Pairs, State);
        _ -> false
    end;
has_all([], _) ->
    true.

-spec difference(map(), Common :: map()) -> {Differs :: map(), Lacks :: [term()]}.
difference(Rest, Common) ->
    {maps:filter(fun(Key, Value) -> differs(Key, Value, Common) end, Rest), maps:keys(Common) -- maps:keys(Rest)}.

-spec differs(term(), term(), map()) -> boolean().
differs(Key, Value, Common) ->
    case Common of
        #{Key := Value} -> false;
        _ -> true
    end.

%% @doc Returns state and dictionary as they were. Release 1 did not pack the dictionary.
-spec unpack(packed(), SocketModule :: module()) -> {State :: map(), dictionary()}.
unpack({Template, Binary}, SocketModule) ->
    {Own, Differs, Lacks} = binary_to_term(Binary),
    Frame = {3, {socket_state, SocketModule, ?NONE, infinity, undefined, none, none}},
    {add(?OWN, Own, maps:merge(maps:without(Lacks, Template), Differs), Frame, SocketModule), []};
unpack([{Common, _, Frame, Usual} | Packed], SocketModule) ->
    [Differs, Lacks, Brief | Own] = binary_to_term(bytes(Packed)),
    Rest = maps:merge(maps:without(Lacks, Common), long(Differs, #{})),
    State = add(?OWN, Own, Rest, Frame, SocketModule),
    {State, whole(long(Brief, Usual), State)}.

-spec add(Keys :: [atom()], [short()], map(), frame() | none, SocketModule :: module()) -> map().
add([_ | Keys], [?NONE | Shorts], State, Frame, SocketModule) ->
    add(Keys, Shorts, State, Frame, SocketModule);
add([Key | Keys], [Short | Shorts], State, Frame, SocketModule) ->
    Value = long(Short, expected(Key, State, Frame, SocketModule)),
    add(Keys, Shorts, State#{Key => Value}, Frame, SocketModule);
add([], [], State, _, _) ->
    State.

-spec long(short(), Expected :: term()) -> Value :: term().
long([], Expected) -> Expected;
long([_ | _] = Parts, Expected) ->
    list_to_tuple(lists:zipwith(fun long/2, Parts, tuple_to_list(Expected)));
long({Value}, _) -> Value;
long(Value, _) -> Value.

%% The template of a host and a kind of session is what the first such session has when it goes to sleep. Those of
%% earlier releases have the names {?MODULE, Host} and {?MODULE, {2, Host}}, and stay: otherwise each session that has
%% one would get a copy.
-spec template(State :: map(), dictionary() | [label | tuple()], SocketModule :: module()) -> template().
template(#{lserver := Host} = State, Brief, SocketModule) ->
    Name = {?MODULE, {3, Host, SocketModule}},
    case persistent_term:get(Name, none) of
        none ->
            Common = maps:without(?OWN, State),
            persistent_term:put(Name, {Common, maps:to_list(Common), frame(State, SocketModule), Brief}),
            template(State, Brief, SocketModule);
        Template ->
            Template
    end.

%% Versions of xmpp_socket differ in their record. The socket of a module is {Module, Ip} in all of them.
-spec frame(State :: map(), SocketModule :: module()) -> frame() | none.
frame(#{socket := Record, ip := Ip}, SocketModule) when is_tuple(Record) ->
    Socket = {SocketModule, Ip},
    case [Place || Place <- lists:seq(1, tuple_size(Record)), element(Place, Record) =:= Socket] of
        [Place | _] -> {Place, setelement(Place, Record, ?NONE)};
        [] -> none
    end;
frame(_, _) ->
    none.
