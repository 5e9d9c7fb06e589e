%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc A listener for ECM, which holds the HTTP connections of web clients in place of ejabberd,
%% and carries their BOSH requests (XEP-0124) here over one connection: a link.
%%
%% This module is what ejabberd_listener calls. For each connection it starts an ecm_link, which
%% gives each request to its session (ecm_router); a session is one process (ecm_c2s), and its
%% rules are in ecm_bosh. Answers go to the ecm_link_writer of the link. All that goes over the link
%% is an ecm_link_packet, and what the two ends of a link have to say to each other is an ecm_link_connection.

-module(mod_ecm).
-behaviour(ejabberd_listener).

-export([accept/1, listen_opt_type/1, listen_options/0, start/3, start_link/3, tcp_init/2]).

-include_lib("ejabberd/include/logger.hrl").

%% As ECM has it for its --max-packet: the least lets a session begin, the greatest is what the ten
%% digits of a length can say.
-define(LEAST_MAX_PACKET, 4096).
-define(GREATEST_MAX_PACKET, 9999999999).

%% Milliseconds in which the peer has to read some of what is written; ejabberd's default.
-define(SEND_TIMEOUT, 15000).

%% Milliseconds in which hello, and then the proof, have to come where they have to come at all.
-define(HELLO_TIMEOUT, 5000).

%% Bytes that may wait for a peer that reads, but too slowly: a message to 100,000 users at once is
%% below it.
-define(MAX_WAITING, 268435456).

%% Stanzas in one body, or for a client that is away, where there is no limit.
-define(MANY, 1000000000).

%% What a session may keep and send.
-define(LIMITS,
        [max_concat, max_answer, max_stanza_to_client, max_waiting, max_waiting_size]).

%% What ejabberd stops first: with `ejabberdctl stop' the session manager, else its listeners.
-define(STOPPED_FIRST, [ejabberd_listener, ejabberd_sm]).

-type opts() :: [{atom(), term()}].

%% @doc Called when the listener starts, before there are connections. The options that it returns
%% are those of each link. Where they cannot be used it ends the listener, in a way in which its
%% supervisor does not try again.
-spec tcp_init(inet:socket(), opts()) -> opts().
tcp_init(ListenSocket, Opts) ->
    {ok, Name} = inet:sockname(ListenSocket),
    ecm_c2s:add_hooks(),
    ecm_sid_key:start(),
    ecm_c2s_farewell:start(),
    ecm_router_proxy:start(),
    ecm_c2s_admission:start(),
    limit_sending(inet:getopts(ListenSocket, [send_timeout]), ListenSocket, Opts),
    start_tls(proplists:get_bool(tls, Opts)),
    Related = [ping_interval, dead_time, max_stanza_to_client, max_waiting_size],
    sure(check(options(Related, Opts)), Name),
    sure(permit(Name, Opts), Name),
    with_secret(Name, Opts).

-spec sure(ok | {error, unicode:chardata()}, ecm_peer:peer()) -> ok.
sure(ok, _) -> ok;
sure({error, Text}, Name) -> refuse(Name, Text).

%% Without it nobody but ejabberd's own user could connect to a UNIX socket.
-spec permit(ecm_peer:peer(), opts()) -> ok | {error, unicode:chardata()}.
permit({local, Path}, Opts) ->
    ecm_link_socket_file:permit(Path, option(socket_mode, Opts), option(socket_group, Opts));
permit(_, Opts) ->
    case [Option || {Option, _} <- Opts, Option =:= socket_mode orelse Option =:= socket_group] of
        [] -> ok;
        [Option | _] -> {error, io_lib:format("'~s' is for a UNIX socket", [Option])}
    end.

-spec check(#{atom() => term()}) -> ok | {error, string()}.
check(#{ping_interval := Interval, dead_time := Time}) when Interval >= Time ->
    {error, "'dead_time' has to be longer than 'ping_interval'"};
check(#{max_stanza_to_client := Longest, max_waiting_size := Size}) when Longest > Size ->
    {error, "'max_waiting_size' has to hold a stanza of 'max_stanza_to_client'"};
check(_) ->
    ok.

-spec with_secret(ecm_peer:peer(), opts()) -> opts().
with_secret(Name, Opts) ->
    case read_secret(proplists:get_value(secret_file, Opts), option(protocol, Opts)) of
        none ->
            warn_of_everyone(Name),
            Opts;
        {ok, Secret, State} ->
            say(State, proplists:get_value(secret_file, Opts)),
            [{secret, fun() -> Secret end} | Opts];
        {error, Text} ->
            refuse(Name, Text)
    end.

-spec say(ecm_link_secret_file:state(), file:filename_all()) -> ok.
say(kept, _) ->
    ok;
say(made, Path) ->
    ?INFO_MSG("mod_ecm has made a secret in ~ts: give it to ECM (--link-secret-file)", [Path]);
say({open, Mode}, Path) ->
    ?WARNING_MSG("other users of this machine can get at the secret in ~ts, its mode is ~4.8.0B: "
                 "chmod o= ~ts", [Path, Mode, Path]).

-spec refuse(ecm_peer:peer(), unicode:chardata()) -> no_return().
refuse(Name, Text) ->
    ?CRITICAL_MSG("mod_ecm does not listen at ~ts: ~ts", [ecm_peer:name(Name), Text]),
    exit({shutdown, wrong_option}).

%% ejabberd has the option `send_timeout' for every listener, but gives it to the sockets only from
%% 25.10 on. Without it a peer that does not read would never lose its link, and its answers would
%% pile up here.
-spec limit_sending(term(), inet:socket(), opts()) -> ok.
limit_sending({ok, [{send_timeout, infinity}]}, ListenSocket, Opts) ->
    Timeout = proplists:get_value(send_timeout, Opts, ?SEND_TIMEOUT),
    ok = inet:setopts(ListenSocket, [{send_timeout, Timeout}]);
limit_sending({ok, [{send_timeout, _}]}, _, _) ->
    ok.

-spec start_tls(boolean()) -> ok.
start_tls(true) ->
    {ok, _} = application:ensure_all_started(ssl),
    ok;
start_tls(false) ->
    ok.

-spec read_secret(file:filename_all() | undefined, auto | typed | plain) ->
    none | {ok, binary(), ecm_link_secret_file:state()} | {error, unicode:chardata()}.
read_secret(undefined, _) -> none;
read_secret(_, plain) -> {error, "'protocol: plain' has no secret, leave out 'secret_file'"};
read_secret(Path, _) -> ecm_link_secret_file:read(Path).

%% A UNIX socket has its rights instead.
-spec warn_of_everyone(ecm_peer:peer()) -> ok.
warn_of_everyone({local, _}) ->
    ok;
warn_of_everyone(Name) ->
    Who = case ecm_peer:is_local(Name) of
              true -> "every user of this machine";
              false -> "everyone who can connect to it"
          end,
    ?WARNING_MSG("mod_ecm at ~ts takes requests from ~s: "
                 "set 'secret_file' here and --link-secret-file in ECM",
                 [ecm_peer:name(Name), Who]).

-spec start(gen_tcp, inet:socket(), opts()) -> {ok, pid()} | {error, term()} | ignore.
start(gen_tcp, Socket, Opts) ->
    ecm_link:start(Socket, link_options(Opts)).

-spec start_link(gen_tcp, inet:socket(), opts()) -> {ok, pid()} | {error, term()} | ignore.
start_link(gen_tcp, Socket, Opts) ->
    ecm_link:start_link(Socket, link_options(Opts)).

-spec accept(pid()) -> ok.
accept(Link) ->
    ecm_link:accept(Link).

-spec listen_options() -> opts().
listen_options() ->
    [{protocol, typed},
     {secret_file, undefined},
     {socket_mode, 8#660},
     {socket_group, undefined},
     {max_packet, 1048576},
     {max_content, 16777216},
     {ping_interval, 10000},
     {dead_time, 30000},
     {tls, false},
     {certfile, undefined},
     {max_newcomers, 1000},
     {newcomer_rate, 100},
     {access, all},
     {shaper, none},
     {max_stanza_size, infinity},
     {max_fsm_queue, 10000},
     {max_wait, 300},
     {max_hold, 1},
     {max_inactivity, 90},
     {max_pause, 120},
     {max_concat, ?MANY},
     {max_answer, 262144},
     {max_stanza_to_client, 16777216},
     {max_waiting, 5000},
     {max_waiting_size, 20971520},
     {hibernate_after, 0}].

-spec listen_opt_type(atom()) -> econf:validator().
listen_opt_type(protocol) -> econf:enum([auto, typed, plain]);
listen_opt_type(secret_file) -> econf:path();
listen_opt_type(socket_mode) -> econf:and_then(econf:either(econf:int(), econf:binary()), fun mode/1);
listen_opt_type(socket_group) ->
    econf:either(econf:and_then(econf:non_neg_int(), fun integer_to_binary/1), econf:binary());
listen_opt_type(Name) when Name =:= max_packet; Name =:= max_content ->
    econf:int(?LEAST_MAX_PACKET, ?GREATEST_MAX_PACKET);
listen_opt_type(ping_interval) -> econf:timeout(second);
listen_opt_type(dead_time) -> econf:timeout(second);
listen_opt_type(tls) -> econf:bool();
listen_opt_type(certfile) -> econf:pem();
listen_opt_type(max_wait) -> seconds();
listen_opt_type(max_hold) -> econf:int(1, 2);
listen_opt_type(max_inactivity) -> seconds();
listen_opt_type(max_pause) -> seconds();
listen_opt_type(max_stanza_to_client) -> econf:int(?LEAST_MAX_PACKET, ?GREATEST_MAX_PACKET);
listen_opt_type(Name) when Name =:= max_newcomers; Name =:= newcomer_rate;
                           Name =:= max_concat; Name =:= max_answer;
                           Name =:= max_waiting; Name =:= max_waiting_size ->
    econf:and_then(econf:pos_int(unlimited), fun most/1);
listen_opt_type(hibernate_after) ->
    econf:either(econf:int(0, 0), econf:timeout(second, infinity)).

-spec mode(binary() | integer()) -> 0..8#777.
mode(Digits) ->
    case ecm_link_socket_file:mode(Digits) of
        error -> econf:fail({invalid_syntax, "three octal digits, as chmod has them"});
        Mode -> Mode
    end.

-spec most(pos_integer() | unlimited) -> pos_integer().
most(unlimited) -> ?MANY;
most(Number) -> Number.

%% XEP-0124 counts in whole seconds.
-spec seconds() -> econf:validator().
seconds() ->
    econf:and_then(econf:timeout(second), fun(Milliseconds) -> Milliseconds div 1000 end).

%% ejabberd leaves out of `Opts' what has its default value, and puts in the peer's address if
%% the PROXY protocol told it.
-spec link_options(opts()) -> ecm_link:options().
link_options(Opts) ->
    Always = #{dialogue => dialogue_options(Opts),
               request => request(Opts),
               gone => fun ecm_router:gone/3,
               max_waiting => ?MAX_WAITING,
               watched => ?STOPPED_FIRST},
    maps:merge(Always, maps:from_list(tls_option(Opts) ++ peer_option(Opts))).

-spec request(opts()) -> fun().
request(Opts) ->
    Options = ecm_intern:term(#{key => fun ecm_sid_key:get/0, max_size => option(max_stanza_size, Opts),
                       newcomers => newcomers(Opts),
                       c2s => session_options(Opts)}),
    fun(Body, Exchange, Client, InFlight) ->
            ecm_router:route(Body, Exchange, Client, InFlight, Options)
    end.

-spec newcomers(opts()) -> ecm_c2s_newcomers:limits().
newcomers(Opts) ->
    options([max_newcomers, newcomer_rate], Opts).

-spec session_options(opts()) -> ecm_c2s:options().
session_options(Opts) ->
    Times = [max_wait, max_hold, max_inactivity, max_pause],
    C2s = [access, shaper, max_stanza_size, max_fsm_queue],
    ecm_intern:term(
      #{session => (options(Times, Opts))#{limits => options(?LIMITS, Opts)},
        c2s => [{Option, option(Option, Opts)} || Option <- C2s],
        hibernate_after => option(hibernate_after, Opts)}).

-spec dialogue_options(opts()) -> map().
dialogue_options(Opts) ->
    Always = maps:from_list([{Option, option(Option, Opts)}
                             || Option <- [protocol, max_packet, max_content, ping_interval, dead_time]]),
    Named = Always#{instance => atom_to_binary(node()), hello_timeout => ?HELLO_TIMEOUT},
    case proplists:get_value(secret, Opts) of
        undefined -> Named;
        Secret -> Named#{secret => Secret()}
    end.

-spec options([atom()], opts()) -> #{atom() => term()}.
options(Names, Opts) ->
    maps:from_list([{Name, option(Name, Opts)} || Name <- Names]).

-spec option(atom(), opts()) -> term().
option(Option, Opts) ->
    proplists:get_value(Option, Opts ++ listen_options()).

-spec tls_option(opts()) -> opts().
tls_option(Opts) ->
    CertFile = proplists:get_value(certfile, Opts),
    [{tls, fun() -> certificate(CertFile) end} || proplists:get_bool(tls, Opts)].

%% Asked for at each connection, because ejabberd gets new ones while it runs.
-spec certificate(file:filename_all() | undefined) ->
    {ok, ecm_link_certificate:options()} | {error, unicode:chardata()}.
certificate(undefined) ->
    case ejabberd_pkix:get_certfile(ejabberd_config:get_myname()) of
        {ok, CertFile} -> ecm_link_certificate:read(CertFile);
        error -> {error, "ejabberd has no certificate, name one with 'certfile'"}
    end;
certificate(CertFile) ->
    ecm_link_certificate:read(CertFile).

-spec peer_option(opts()) -> opts().
peer_option(Opts) ->
    case proplists:get_value(sock_peer_name, Opts) of
        {_Local, Peer} -> [{peer, Peer}];
        undefined -> []
    end.
