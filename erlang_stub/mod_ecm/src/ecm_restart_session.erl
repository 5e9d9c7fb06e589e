%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session in the file: how it is written, how it is taken up again, and how one ends that may not go on.

-module(ecm_restart_session).

-export([context/2, pack/2, take_up/2]).
-export_type([context/0, outcome/0]).

-type outcome() :: taken | twice | {ended, ecm_restart_check:reason() | expired | version | {failed, term()}}.

%% The salt of the file; whether too much time has passed; and the names of the sessions that have been read,
%% so that none is taken up twice.
-type context() :: #{salt := binary(), is_expired := boolean(), names := ets:tid()}.

%% What every release can read: the session's name, and what its client may not have received. The rest is for the form
%% of its version (ecm_c2s_frozen).
-type packed() :: #{name := binary(), undelivered := [binary()],
                    mark := ecm_restart_check:mark(), frozen := ecm_c2s_frozen:frozen()}.

%% Milliseconds for which a client that comes back learns why its session has ended.
-define(FAREWELL, 120000).

%% Milliseconds for a session to end.
-define(END, 10000).

-define(CLIENT, <<"jabber:client">>).

%% @doc Returns a session as bytes, for a file with this salt.
-spec pack(ecm_c2s_frozen:frozen(), Salt :: binary()) -> binary().
pack(#{state := State, session := Session, name := Name} = Frozen, Salt) ->
    Packed = #{name => Name, undelivered => undelivered(Session, State),
               mark => ecm_restart_check:mark(Salt, State), frozen => Frozen},
    term_to_binary(Packed).

%% Where there was a stream, stream management has the rest.
-spec undelivered(Session :: map(), State :: map()) -> [binary()].
undelivered(#{bosh := Bosh}, _) ->
    ecm_bosh:undelivered(Bosh);
undelivered(#{undelivered := Elements}, #{mgmt_queue := Queue} = State) ->
    ecm_c2s_undelivered:stanzas(Elements, State)
        ++ [ecm_xml_stanza:encode(xmpp:encode(Stanza, ?CLIENT)) || {_, _, Stanza} <- p1_queue:to_list(Queue)].

%% @doc Returns what all sessions of a file have in common. It lives as long as the calling process.
-spec context(Salt :: binary(), IsExpired :: boolean()) -> context().
context(Salt, IsExpired) ->
    #{salt => Salt, is_expired => IsExpired, names => ets:new(?MODULE, [public])}.

%% @doc Takes up a session, as bytes, unless too much time has passed. Returns when it is there, or has ended.
-spec take_up(binary(), context()) -> outcome().
take_up(Bytes, #{names := Names} = Context) ->
    #{name := Name, frozen := Frozen} = Packed = binary_to_term(Bytes),
    case ets:insert_new(Names, {Name}) of
        true -> known(ecm_c2s_frozen:check(Frozen), Context, Packed);
        false -> twice
    end.

-spec known(ok | {error, term()}, context(), packed()) -> outcome().
known(ok, #{salt := Salt, is_expired := IsExpired}, #{frozen := Frozen, mark := Mark} = Packed) ->
    case ecm_restart_check:check(Frozen, {Salt, Mark}) of
        ok when IsExpired -> ended(expired, Packed);
        ok -> taken(ecm_restart_rooms:leave(Frozen), Packed);
        {error, Reason} -> ended(Reason, Packed)
    end;
known({error, _}, _, Packed) ->
    ended(version, Packed).

-spec taken({[Presence :: tuple()], ecm_c2s_frozen:frozen()}, packed()) -> outcome().
taken({Told, #{state := State} = Frozen}, Packed) ->
    case ecm_c2s_transfer:thaw(Frozen) of
        {ok, Session} ->
            lists:foreach(fun(Presence) -> ejabberd_c2s:route(Session, {route, Presence}) end, Told),
            _ = ecm_c2s_offline:fetch(State),  % what came for the user while there was no session
            taken;
        {error, Reason} ->
            ended({failed, Reason}, Packed)
    end.

%% One whose host is served, and of this version, is taken up to end: contacts see its user leave, and ejabberd's
%% modules do what they do at the end of a session. Otherwise, its stanzas are routed from here.
-spec ended(ecm_restart_check:reason() | expired | version | {failed, term()}, packed()) -> outcome().
ended(Reason, Packed) when Reason =:= host; Reason =:= version; Reason =:= conflict; element(1, Reason) =:= failed ->
    route(Reason, Packed),
    say_farewell(Reason, Packed),
    {ended, Reason};
ended(Reason, #{frozen := Frozen} = Packed) ->
    case ecm_c2s_transfer:thaw(unmanaged(Reason, Frozen)) of
        {ok, Session} ->
            close(error_of(Reason), Session),
            {ended, Reason};
        {error, Failure} ->
            ended({failed, Failure}, Packed)
    end.

%% Without mod_stream_mgmt, nobody would route what that has kept.
-spec unmanaged(term(), ecm_c2s_frozen:frozen()) -> ecm_c2s_frozen:frozen().
unmanaged({module, mod_stream_mgmt}, #{state := State, session := Session} = Frozen) ->
    Frozen#{state := State#{mgmt_state := inactive}, session := kept(Session, State)};
unmanaged(_, Frozen) -> Frozen.

%% Over BOSH, the session has it as well.
-spec kept(Session, State :: map()) -> Session when Session :: map().
kept(#{undelivered := _} = Session, State) -> Session#{undelivered := undelivered(Session, State)};
kept(Session, _) -> Session.

-spec close(tuple(), pid()) -> ok.
close(Error, Session) ->
    Monitor = monitor(process, Session),
    ejabberd_c2s:send(Session, Error),
    ejabberd_c2s:stop_async(Session),
    receive {'DOWN', Monitor, process, _, _} -> ok
    after ?END -> ok
    end.

-spec error_of(term()) -> tuple().
error_of(account) -> xmpp:serr_not_authorized();
error_of(expired) -> xmpp:serr_connection_timeout();
error_of(conflict) -> xmpp:serr_conflict();
error_of(access) -> xmpp:serr_policy_violation();
error_of(_) -> xmpp:serr_reset().

%% To a host that is not served, nothing is sent: it may be served by somebody else now.
-spec route(term(), packed()) -> ok.
route(host, _) ->
    ok;
route(_, #{undelivered := Elements}) ->
    ecm_c2s_undelivered:route(Elements).

-spec say_farewell(term(), packed()) -> ok.
say_farewell(_, #{frozen := #{session := #{kind := _}}}) ->
    ok;  % a client without a stream asks nobody but stream management
say_farewell(host, Packed) ->
    leave(ecm_bosh_answer:refusal(<<"host-gone">>, true), Packed);
say_farewell(Reason, Packed) ->
    Error = ecm_xml_stanza:encode(xmpp:encode(error_of(Reason))),
    leave(ecm_bosh_answer:content(ecm_bosh_answer:terminate(<<"remote-stream-error">>, [Error], true)), Packed).

-spec leave({ecm_bosh_answer:status(), binary()}, packed()) -> ok.
leave({Status, Body}, #{name := Name}) ->
    {Session, Nonce} = binary_to_term(Name),
    ecm_c2s_farewell:leave(Session, Nonce, Status, Body, ?FAREWELL).
