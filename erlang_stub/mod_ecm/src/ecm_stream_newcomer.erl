%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a stream whose turn has not come yet (ecm_c2s_logins): it waits, and then becomes the process
%% of ejabberd_c2s. So the link knows one process for the whole life of a stream. What its client sends meanwhile is
%% little, or ends it.

-module(ecm_stream_newcomer).

-export([start/4, wait/4]).
-export_type([chosen/0]).

%% Bytes of a process that waits, with its closure, and with the header that its client has sent.
-define(BYTES, 4096).

%% Bytes that a client may send while it waits: the header of its stream, and perhaps a login behind it, for which it
%% does not wait for an answer (XEP-0388, section 2.6).
-define(MOST_KEPT, 4096).

%% Options of ecm_stream, those of the session by the client's connection.
-type chosen() :: #{newcomers := ecm_c2s_newcomers:limits(), logins := ecm_c2s_logins:limits(),
                    c2s := ecm_stream_session:options()}.

%% @doc Starts the process, which has a low priority until its client has logged in.
-spec start(ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(), chosen()) ->
    {ok, pid()} | {refused, system_limit}.
start(Stream, Wire, Open, Options) ->
    try {ok, proc_lib:spawn_opt(?MODULE, wait, [Stream, Wire, Open, Options], [{priority, low}])}
    catch error:system_limit -> {refused, system_limit}
    end.

%% @private
-spec wait(ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(), chosen()) -> any().
wait({Writer, Id, _} = Stream, Wire, #{peer := Client} = Open, #{logins := Limits} = Options) ->
    Session = self(),
    Newcomer = #{key => {Writer, Id}, from => Client, bytes => bytes(Limits),
                 start => fun(Turn) -> turn(Turn, Session) end},
    Logins = monitor(process, ecm_c2s_logins),
    case ecm_c2s_logins:await_turn(Newcomer, Limits, fun(_) -> ok end) of
        ok -> await(Logins, Stream, Wire, Open, Options, []);
        error -> enter(Logins, Stream, Wire, Open, Options, [])
    end.

%% What is more than a body may have need not wait.
-spec bytes(ecm_c2s_logins:limits()) -> non_neg_integer().
bytes(#{max_body := Longest}) when is_integer(Longest) -> min(?BYTES, Longest);
bytes(_) -> ?BYTES.

%% In a process of its own, from which the session takes over.
-spec turn(begins | refused, Session :: pid()) -> any().
turn(begins, Session) ->
    ecm_c2s_logins:passed_on(Session),
    Session ! {?MODULE, begins};
turn(refused, Session) ->
    Session ! {?MODULE, refused}.

%% `Kept' is what has come, the last message first. `Logins' monitors the process that knows of the newcomer: the next
%% one does not.
-spec await(Logins :: reference(), ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(),
            chosen(), Kept :: [binary()]) -> any().
await(Logins, {Writer, Id, _} = Stream, Wire, Open, Options, Kept) ->
    receive
        {?MODULE, begins} -> enter(Logins, Stream, Wire, Open, Options, Kept);
        {?MODULE, refused} -> refuse(Stream);
        {'DOWN', Logins, process, _, _} -> give_up(Stream);
        {ecm_stream, {message, Message}} ->
            keep(Logins, added(Message, Wire, Kept, Stream), Stream, Wire, Open, Options);
        {ecm_stream, {closed, _}} -> ecm_c2s_logins:gone({Writer, Id});
        {ecm_stream, Leaves} when Leaves =:= leave; Leaves =:= half_close -> leave(Stream)
    end.

%% Small pieces of TCP count for more than they have bytes: they become one, and ECM has the difference back.
-spec added(binary(), ecm_stream_session:wire(), Kept :: [binary()], ecm_link_stream:stream()) -> Kept :: [binary()].
added(Piece, ecm_stream_tcp, [Before], Stream) ->
    ecm_link_stream:more(ecm_link_credit:cost(<<>>), Stream),
    [<<Before/binary, Piece/binary>>];
added(Message, _, Kept, _) ->
    [binary:copy(Message) | Kept].

-spec keep(Logins :: reference(), Kept :: [binary()], ecm_link_stream:stream(), ecm_stream_session:wire(),
           ecm_link_stream:open(), chosen()) -> any().
keep(Logins, Kept, Stream, Wire, Open, Options) ->
    case lists:sum([ecm_link_credit:cost(Message) || Message <- Kept]) > ?MOST_KEPT of
        true -> give_up(Stream);
        false -> await(Logins, Stream, Wire, Open, Options, Kept)
    end.

-spec give_up(ecm_link_stream:stream()) -> ok.
give_up({Writer, Id, _} = Stream) ->
    ecm_c2s_logins:gone({Writer, Id}),
    refuse(Stream).

%% The client is to connect again, elsewhere.
-spec leave(ecm_link_stream:stream()) -> ok.
leave({Writer, Id, _} = Stream) ->
    ecm_c2s_logins:gone({Writer, Id}),
    ecm_link_stream:send_away(Stream).

-spec refuse(ecm_link_stream:stream()) -> ok.
refuse(Stream) ->
    ecm_link_stream:close(refused, none, Stream).

-spec enter(Logins :: reference(), ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(),
            chosen(), Kept :: [binary()]) -> any().
enter(Logins, Stream, Wire, #{peer := Client} = Open, #{newcomers := Limits, c2s := Options}, Kept) ->
    demonitor(Logins, [flush]),
    case ecm_c2s_admission:enter(Client, Limits) of
        ok ->
            try begun(Stream, Wire, Open, Options) of
                {noreply, State, Timeout} -> become(State, Timeout, Options, lists:reverse(Kept));
                {stop, _, _} -> ecm_stream_session:close()
            catch
                Class:Reason:Stack ->
                    ecm_link_stream:close(failed, none, Stream),
                    erlang:raise(Class, Reason, Stack)
            end;
        refused ->
            refuse(Stream)
    end.

%% The process of ejabberd_c2s begins as ejabberd_c2s:start/3 starts it and ejabberd_c2s:accept/1 has it begin. Here it
%% accepts before it looks into its mailbox.
-spec begun(ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(),
            ecm_stream_session:options()) ->
    {noreply, State :: map(), timeout()} | {stop, Reason :: term(), State :: map()}.
begun(Stream, Wire, #{peer := Client} = Open, #{c2s := Opts} = Options) ->
    ok = ecm_c2s_process:newcomer(),
    ok = ecm_stream_session:new(Stream, Wire, Open, Options),
    put('$initial_call', {xmpp_stream_in, init, 1}),
    put('$ancestors', [self()]),
    Socket = {ecm_stream_socket, ecm_stream_socket:new(ecm_peer:address(Client))},
    {ok, Begun, _} = xmpp_stream_in:init([ejabberd_c2s, Socket, [{xml_socket, true} | Opts]]),
    xmpp_stream_in:handle_cast(accept, Begun).

%% What was kept has its turn before what is in the mailbox.
-spec become(State :: map(), timeout(), ecm_stream_session:options(), Kept :: [binary()]) -> no_return().
become(State, Timeout, #{c2s := Opts}, Kept) ->
    lists:foreach(fun(Message) -> ok = ecm_stream_session:handle({message, Message}) end, Kept),
    p1_server:enter_loop(xmpp_stream_in, ejabberd_config:fsm_limit_opts(Opts), State#{stream_encrypted := is_bound()},
                         Timeout).

%% Whether a login may be bound to the TLS connection of the client: then ejabberd offers the mechanisms for it to a
%% stream that is encrypted. Versions before 24 ask for `tls-unique', which TLS 1.3 does not have.
-spec is_bound() -> boolean().
is_bound() ->
    ecm_stream_session:binding() =/= none andalso erlang:function_exported(xmpp_socket, get_tls_cb_exporter, 1).
