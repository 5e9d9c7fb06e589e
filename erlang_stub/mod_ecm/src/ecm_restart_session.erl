%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A session in the file: how it is written, how it is taken up again, and how one ends that may not go on.

-module(ecm_restart_session).

-export([pack/2, take_up/3]).
-export_type([outcome/0]).

%% `expired': too much time has passed.
-type outcome() :: taken | twice | {ended, ecm_restart_check:reason() | expired | version | {failed, term()}}.

%% What every release can read: whose session it is, its name and what its client may not have received. The rest is
%% for the form of its version (ecm_c2s_frozen).
-type packed() :: #{name := binary(), jid := binary(), host := binary(), undelivered := [binary()],
                    mark := ecm_restart_check:mark(), frozen := ecm_c2s_frozen:frozen()}.

%% Milliseconds for which a client that comes back learns why its session has ended.
-define(FAREWELL, 120000).

%% Milliseconds for a session to end.
-define(END, 10000).

%% @doc Returns a session as bytes, for a file with this salt.
-spec pack(ecm_c2s_frozen:frozen(), Salt :: binary()) -> binary().
pack(#{state := #{jid := Jid, lserver := Host} = State, session := #{bosh := Bosh}, name := Name} = Frozen, Salt) ->
    Packed = #{name => Name, jid => jid:encode(Jid), host => Host, undelivered => ecm_bosh:undelivered(Bosh),
               mark => ecm_restart_check:mark(Salt, State), frozen => Frozen},
    term_to_binary(Packed).

%% @doc Takes up a session, as bytes, of a file with this salt, unless too much time has passed. Returns when it is there, or has
%% ended.
-spec take_up(binary(), Salt :: binary(), IsExpired :: boolean()) -> outcome().
take_up(Bytes, Salt, IsExpired) ->
    #{name := Name, frozen := Frozen} = Packed = binary_to_term(Bytes),
    {Session, Nonce} = Known = binary_to_term(Name),
    case ecm_c2s_place:find(Session, Nonce) of
        Known when IsExpired -> ended(expired, Packed);
        Known -> checked(ecm_c2s_frozen:check(Frozen), Salt, Packed);
        _ -> twice
    end.

-spec checked(ok | {error, term()}, Salt :: binary(), packed()) -> outcome().
checked(ok, Salt, #{frozen := Frozen, mark := Mark} = Packed) ->
    case ecm_restart_check:check(Frozen, {Salt, Mark}) of
        ok -> taken(ecm_restart_rooms:leave(Frozen), Packed);
        {error, Reason} -> ended(Reason, Packed)
    end;
checked({error, _}, _, Packed) ->
    ended(version, Packed).

-spec taken({[Presence :: tuple()], ecm_c2s_frozen:frozen()}, packed()) -> outcome().
taken({Told, Frozen}, Packed) ->
    case ecm_c2s_transfer:thaw(Frozen) of
        {ok, Session} ->
            lists:foreach(fun(Presence) -> ejabberd_c2s:route(Session, {route, Presence}) end, Told),
            fetch_stored(Frozen),
            taken;
        {error, Reason} ->
            ended({failed, Reason}, Packed)
    end.

%% What came for the user while there was no session has been stored. mod_offline gives it to a session that comes
%% online, and this one has.
-spec fetch_stored(ecm_c2s_frozen:frozen()) -> any().
fetch_stored(#{state := #{pres_last := Presence, lserver := Host} = State}) ->
    gen_mod:is_loaded(Host, mod_offline)
        andalso mod_offline:c2s_self_presence({Presence, maps:remove(pres_last, State)});
fetch_stored(_) ->
    none.

%% One whose host is served, and of this version, is taken up to end: contacts see its user leave, and ejabberd's modules
%% do what they do at the end of a session. Otherwise, its stanzas are routed from here.
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
unmanaged({module, mod_stream_mgmt}, #{state := State} = Frozen) -> Frozen#{state := State#{mgmt_state := inactive}};
unmanaged(_, Frozen) -> Frozen.

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
route(_, #{jid := Jid, undelivered := Elements}) ->
    ecm_c2s_undelivered:route(Elements, #{jid => jid:decode(Jid)}).

-spec say_farewell(term(), packed()) -> ok.
say_farewell(host, Packed) ->
    leave(ecm_bosh_answer:refusal(<<"host-gone">>, true), Packed);
say_farewell(Reason, Packed) ->
    Error = ecm_bosh_body:encode(xmpp:encode(error_of(Reason))),
    leave(ecm_bosh_answer:content(ecm_bosh_answer:terminate(<<"remote-stream-error">>, [Error], true)), Packed).

-spec leave({ecm_bosh_answer:status(), binary()}, packed()) -> ok.
leave({Status, Body}, #{name := Name}) ->
    {Session, Nonce} = binary_to_term(Name),
    ecm_c2s_farewell:leave(Session, Nonce, Status, Body, ?FAREWELL).
