%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state of ejabberd_c2s, in as little memory as it can sleep in.
%%
%% Most of it is the same in all sessions of a host. It is kept once, as a template, and packed is
%% only what differs, in the external format: that is less than half of what the terms would take.
%% And what is own says the same things several times, which is written once.

-module(ecm_pack).

-export([pack/1, unpack/1]).
-export_type([packed/0]).

%% What belongs to one session alone, and so is not for the template.
-define(OWN, [ip, jid, owner, pres_a, pres_last, pres_timestamp, resource, sid, socket,
              socket_monitor, stream_id, user]).

%% Stand for what a state does not have, and for what can be told from the rest of it; no value in
%% it is like these.
-define(NONE, '$').
-define(SAME, '$same').

%% The template is a persistent term, of which this holds no copy. The binary has the values of what
%% is own, what else differs from the template, and what only that has.
-opaque packed() :: {Template :: map(), binary()}.

%% @doc Returns what of a state differs from the others of its host. It has to be that of the process
%% that calls this.
-spec pack(State :: map()) -> packed().
pack(#{lserver := Host} = State) ->
    Template = template(Host, State),
    Own = [short(Key, maps:get(Key, State, ?NONE), State) || Key <- ?OWN],
    {Differs, Lacks} = difference(maps:without(?OWN, State), Template),
    {Template, term_to_binary({Own, Differs, Lacks})}.

%% The process is named twice, and the client's JID and its bare JID are in its last presence.
-spec short(Key :: atom(), Value :: term(), State :: map()) -> Short :: term().
short(owner, Owner, _) when Owner =:= self() ->
    ?SAME;
short(sid, {Time, Owner}, _) when Owner =:= self() ->
    {?SAME, Time};
short(pres_last, Presence, #{jid := Jid}) ->
    short_presence(Presence, Jid, is_tuple(Presence) andalso xmpp:is_stanza(Presence));
short(_, Value, _) ->
    Value.

-spec short_presence(term(), jid:jid(), IsPresence :: boolean()) -> Short :: term().
short_presence(Presence, Jid, true) ->
    case {xmpp:get_from(Presence), xmpp:get_to(Presence), jid:remove_resource(Jid)} of
        {Jid, Bare, Bare} -> {?SAME, xmpp:set_from_to(Presence, undefined, undefined)};
        {_, _, _} -> Presence
    end;
short_presence(Other, _, false) ->
    Other.

-spec difference(map(), Template :: map()) -> {Differs :: map(), Lacks :: [term()]}.
difference(Template, Template) ->
    {#{}, []};
difference(Rest, Template) ->
    {maps:filter(fun(Key, Value) -> differs(Key, Value, Template) end, Rest),
     maps:keys(Template) -- maps:keys(Rest)}.

-spec differs(term(), term(), map()) -> boolean().
differs(Key, Value, Template) ->
    case Template of
        #{Key := Value} -> false;
        _ -> true
    end.

%% @doc Returns the state as it was.
-spec unpack(packed()) -> map().
unpack({Template, Binary}) ->
    {Own, Differs, Lacks} = binary_to_term(Binary),
    add(?OWN, Own, maps:merge(maps:without(Lacks, Template), Differs)).

%% The JID comes before what is told from it.
-spec add(Keys :: [atom()], Shorts :: [term()], map()) -> map().
add([_ | Keys], [?NONE | Shorts], State) -> add(Keys, Shorts, State);
add([Key | Keys], [Short | Shorts], State) ->
    add(Keys, Shorts, State#{Key => long(Short, State)});
add([], [], State) -> State.

-spec long(Short :: term(), State :: map()) -> Value :: term().
long(?SAME, _) ->
    self();
long({?SAME, {_, _, _} = Time}, _) ->
    {Time, self()};
long({?SAME, Presence}, #{jid := Jid}) ->
    xmpp:set_from_to(Presence, Jid, jid:remove_resource(Jid));
long(Value, _) ->
    Value.

%% The template of a host is what its first session has when it goes to sleep.
-spec template(binary(), map()) -> map().
template(Host, State) ->
    case persistent_term:get({?MODULE, Host}, none) of
        none ->
            persistent_term:put({?MODULE, Host}, maps:without(?OWN, State)),
            template(Host, State);
        Template ->
            Template
    end.
