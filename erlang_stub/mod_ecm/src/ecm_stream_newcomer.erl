%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The process of a stream whose turn has not come yet (ecm_c2s_logins): it waits, and then becomes the process
%% of ejabberd_c2s. So the link knows one process for the whole life of a stream, and what its client has sent
%% meanwhile stays in the mailbox, within the window of the stream.

-module(ecm_stream_newcomer).

-export([start/4, wait/4]).
-export_type([chosen/0]).

%% Bytes of a process that waits, at most: with its closure, and with the header that its client has sent.
-define(BYTES, 4096).

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
    case ecm_c2s_logins:await_turn(Newcomer, Limits, fun(_) -> ok end) of
        ok -> await(Stream, Wire, Open, Options);
        error -> enter(Stream, Wire, Open, Options)
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

-spec await(ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(), chosen()) -> any().
await({Writer, Id, _} = Stream, Wire, Open, Options) ->
    receive
        {?MODULE, begins} -> enter(Stream, Wire, Open, Options);
        {?MODULE, refused} -> refuse(Stream);
        {ecm_stream, {closed, _}} -> ecm_c2s_logins:gone({Writer, Id});
        {ecm_stream, leave} ->
            ecm_c2s_logins:gone({Writer, Id}),
            refuse(Stream)
    end.

-spec refuse(ecm_link_stream:stream()) -> ok.
refuse(Stream) ->
    ecm_link_stream:close(refused, none, Stream).

-spec enter(ecm_link_stream:stream(), ecm_stream_session:wire(), ecm_link_stream:open(), chosen()) -> any().
enter(Stream, Wire, #{peer := Client} = Open, #{newcomers := Limits, c2s := Options}) ->
    case ecm_c2s_admission:enter(Client, Limits) of
        ok ->
            ok = ecm_c2s_process:newcomer(),
            ok = ecm_stream_session:new(Stream, Wire, Open, Options),
            become(ecm_peer:address(Client), Options);
        refused ->
            refuse(Stream)
    end.

%% The process of ejabberd_c2s, as ejabberd_c2s:start/3 starts it and ejabberd_c2s:accept/1 has it begin. Here it
%% accepts before it looks into its mailbox.
-spec become(ecm_peer:address(), ecm_stream_session:options()) -> no_return().
become(Client, #{c2s := Opts}) ->
    put('$initial_call', {xmpp_stream_in, init, 1}),
    put('$ancestors', [self()]),
    Socket = {ecm_stream_socket, ecm_stream_socket:new(Client)},
    {ok, Begun, _} = xmpp_stream_in:init([ejabberd_c2s, Socket, [{xml_socket, true} | Opts]]),
    case xmpp_stream_in:handle_cast(accept, Begun) of
        {noreply, State, Timeout} ->
            p1_server:enter_loop(xmpp_stream_in, ejabberd_config:fsm_limit_opts(Opts), State, Timeout);
        {stop, _, _} ->
            ecm_stream_session:close(),
            exit(normal)
    end.
