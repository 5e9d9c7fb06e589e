%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The options of a listener: their types and defaults, and what links and sessions get of them.

-module(ecm_listener_options).

-export([defaults/0, for_link/1, former/1, option/2, options/2, type/1]).
-export_type([opts/0]).

%% The bounds of ECM's --max-packet: a session can begin with the least, and the greatest has the ten digits
%% of a length.
-define(MIN_MAX_PACKET, 4096).
-define(MAX_MAX_PACKET, 9999999999).

%% Milliseconds for hello, and then for the proof, if they are required.
-define(HELLO_TIMEOUT, 5000).

%% Bytes that may wait for a peer that reads too slowly: a message to 100,000 users at once is below it.
-define(MAX_WAITING, 268435456).

%% Bytes of messages that ECM may send on a stream before its session has dealt with them. A session deals with a
%% stanza in less than a millisecond, and 64 kB are more than a client sends in ten.
-define(STREAM_WINDOW, 65536).

%% Stands for `unlimited' in a count of stanzas, sessions or bytes.
-define(UNLIMITED, 1000000000).

%% What a session may keep and send.
-define(LIMITS,
        [max_concat, max_answer, max_stanza_to_client, max_waiting, max_waiting_size]).

%% Stanzas in one body: before the login, where one or two are enough and each may be a password guess; and
%% after it. A client that has much to say at once has tens. All of them are in the mailbox of the process,
%% and ejabberd ends a process that has 10,000 messages (max_fsm_queue).
-define(MAX_STANZAS_BEFORE_LOGIN, 16).
-define(MAX_STANZAS, 1000).

%% The same of a stream, in all messages of which the process has not had its turn with one. A window may have 13,000 of
%% the shortest on TCP, and 2,500 requests for an acknowledgement (XEP-0198).
-define(MAX_STREAM_STANZAS, 5000).

%% Stanzas that may wait for a client before its login, and their bytes: features, challenges, perhaps the
%% picture of a registration form. Challenges repeat what the client has sent.
-define(MAX_WAITING_BEFORE_LOGIN, 100).
-define(MAX_WAITING_SIZE_BEFORE_LOGIN, 65536).

%% What ejabberd's process of a session gets, too. It must not limit what comes (from 26.04 it does before
%% the login, unless it is told not to): the limits of a session are its own, and hold for any ejabberd.
-define(NO_LIMITS, [{pre_auth_max_stanza_size, infinity}, {pre_auth_max_stanza_elements, infinity}]).

%% Logins in progress for each core, by default. One has a core to do, others wait for their clients, and the fourth is
%% there when the first is done. With more, all of them take longer, and those who are online, too.
-define(LOGINS_PER_CORE, 4).

%% What is stopped first: with `ejabberdctl stop' the session manager, otherwise what says that this node takes
%% requests.
-define(STOPPED_FIRST, [ecm_link_gate, ejabberd_sm]).

%% Seconds that a session may be away, at least: to come again takes a client a round trip or two. And of any time, at
%% most: whoever gives more than a day has mistaken the unit.
-define(MIN_INACTIVITY, 2).
-define(MAX_SECONDS, 86400).

%% A link is silent for so many pings before it is dead; and so many bytes are for what waits beside the longest stanza,
%% where only one of two options is written and the default of the other would conflict.
-define(PINGS, 3).
-define(BESIDE_LONGEST, 4194304).

-type opts() :: [{atom(), term()}].

-spec defaults() -> opts().
defaults() ->
    [{protocol, typed},
     {secret_file, undefined},
     {socket_mode, 8#660},
     {socket_group, undefined},
     {max_packet, 1048576},
     {max_content, 16777216},
     {ping_interval, 3000},
     {link_timeout, 10000},
     {link_grace, 30000},
     {evacuation_timeout, 60000},
     {dead_time, undefined},  % the former name of link_timeout
     {tls, false},
     {certfile, undefined},
     {max_newcomers, 1000},
     {newcomer_rate, 100},
     {max_logins, auto},
     {access, all},
     {shaper, none},
     {allow_unencrypted_sasl2, false},
     {pre_auth_max_stanza_size, 8192},
     {pre_auth_max_stanza_elements, 32},
     {max_stanza_size, infinity},
     {max_stanza_elements, infinity},
     {max_fsm_queue, 10000},
     {max_wait, 300},
     {max_hold, 1},
     {max_inactivity, 90},
     {max_pause, 120},
     {max_concat, ?UNLIMITED},
     {max_answer, 262144},
     {max_stanza_to_client, 16777216},
     {max_waiting, 5000},
     {max_waiting_size, 20971520},
     {hibernate_after, 0}].

%% @doc Returns the validator of an option. Those that depend on others are noted.
-spec type(atom()) -> econf:validator().
type(Option) when Option =:= port; Option =:= protocol; Option =:= secret_file; Option =:= socket_mode;
                  Option =:= socket_group; Option =:= ping_interval; Option =:= link_timeout;
                  Option =:= dead_time; Option =:= max_stanza_to_client; Option =:= max_waiting_size ->
    ecm_listener_validation:noted(Option, own_type(Option));
type(Option) ->
    own_type(Option).

-spec own_type(atom()) -> econf:validator().
own_type(port) -> ejabberd_listener:listen_opt_type(port);
own_type(protocol) -> econf:enum([auto, typed, plain]);
own_type(secret_file) -> econf:and_then(econf:path(), fun ecm_listener_validation:secret/1);
own_type(socket_mode) -> econf:and_then(econf:either(econf:int(), econf:binary()), fun mode/1);
own_type(socket_group) ->
    econf:either(econf:and_then(econf:non_neg_int(), fun integer_to_binary/1), econf:binary());
own_type(Name) when Name =:= max_packet; Name =:= max_content ->
    econf:int(?MIN_MAX_PACKET, ?MAX_MAX_PACKET);
own_type(ping_interval) -> econf:timeout(second);
own_type(link_timeout) -> econf:timeout(second);
own_type(Name) when Name =:= link_grace; Name =:= evacuation_timeout ->
    econf:either(econf:int(0, 0), econf:timeout(second));
own_type(dead_time) -> econf:timeout(second);
own_type(tls) -> econf:bool();
own_type(allow_unencrypted_sasl2) -> econf:bool();
own_type(certfile) -> econf:pem();
own_type(max_wait) -> seconds(1);
own_type(max_hold) -> econf:int(1, 2);
own_type(max_inactivity) -> seconds(?MIN_INACTIVITY);
own_type(max_pause) -> seconds(1);
own_type(max_stanza_to_client) -> econf:int(?MIN_MAX_PACKET, ?MAX_MAX_PACKET);
own_type(max_waiting_size) ->
    econf:and_then(econf:either(unlimited, econf:int(?MIN_MAX_PACKET, ?MAX_MAX_PACKET)), fun number/1);
own_type(Name) when Name =:= pre_auth_max_stanza_size; Name =:= pre_auth_max_stanza_elements;
                Name =:= max_stanza_elements ->
    econf:pos_int(infinity);
own_type(Name) when Name =:= max_newcomers; Name =:= newcomer_rate;
                           Name =:= max_concat; Name =:= max_answer;
                           Name =:= max_waiting ->
    econf:and_then(econf:pos_int(unlimited), fun number/1);
own_type(max_logins) ->
    econf:either(auto, econf:and_then(econf:pos_int(unlimited), fun number/1));
own_type(hibernate_after) ->
    econf:either(econf:int(0, 0), econf:timeout(second, infinity)).

-spec mode(binary() | integer()) -> 0..8#777.
mode(Digits) ->
    case ecm_link_socket_file:mode(Digits) of
        error -> econf:fail({invalid_syntax, "three octal digits, as chmod has them"});
        Mode -> Mode
    end.

-spec number(pos_integer() | unlimited) -> pos_integer().
number(unlimited) -> ?UNLIMITED;
number(Number) -> Number.

%% XEP-0124 counts in whole seconds.
-spec seconds(Min :: pos_integer()) -> econf:validator().
seconds(Min) ->
    econf:and_then(econf:timeout(second),
                   fun(Milliseconds) when Milliseconds < Min * 1000; Milliseconds > ?MAX_SECONDS * 1000 ->
                           econf:fail({bad_int, Min, ?MAX_SECONDS, Milliseconds div 1000});
                      (Milliseconds) -> Milliseconds div 1000
                   end).

%% @doc Returns options with the names that they have now, and the former names that were used.
-spec former(opts()) -> {opts(), [{Former :: atom(), Name :: atom()}]}.
former(Opts) ->
    case lists:keytake(dead_time, 1, Opts) of
        {value, {_, Time}, Others} -> {Others ++ [{link_timeout, Time}], [{dead_time, link_timeout}]};
        false -> {Opts, []}
    end.

%% @doc Returns the options of a link. ejabberd leaves out of `Opts' what has its default value, and adds
%% the peer's address if the PROXY protocol has told it.
-spec for_link(opts()) -> ecm_link:options().
for_link(Opts) ->
    Always = #{connection => connection_options(Opts),
               request => request(Opts),
               open => opener(Opts),
               gone => fun ecm_router:gone/3,
               status => fun() -> ecm_link_load:fields(ecm_sid:cluster(ecm_sid_key:get())) end,
               stats => fun ecm_report:stats/0,
               inspect => fun ecm_report:answer/4,
               substitutes => substitutes(),
               max_waiting => ?MAX_WAITING,
               link_grace => option(link_grace, Opts),
               watched => ?STOPPED_FIRST,
               services => fun services/0},
    maps:merge(Always, maps:from_list(tls_option(Opts) ++ peer_option(Opts))).

%% The processes that a node has once. Starts those that have ended.
-spec services() -> ok.
services() ->
    ok = ecm_sup:start(),
    ecm_link_sup:start().

-spec request(opts()) -> fun().
request(Opts) ->
    Options = ecm_intern:term(#{key => fun ecm_sid_key:get/0, max_size => option(max_stanza_size, Opts),
                       newcomers => newcomers(Opts), logins => logins(Opts),
                       c2s => #{true => session_options([{allow_unencrypted_sasl2, true} | Opts]),
                                false => session_options(Opts)}}),
    fun(Body, Exchange, Client, Secure, InFlight) ->
            ecm_router:route(Body, Exchange, Client, Secure, InFlight, Options)
    end.

-spec opener(opts()) -> ecm_link_streams:opener().
opener(Opts) ->
    Options = ecm_intern:term(#{newcomers => newcomers(Opts), logins => logins(Opts),
                                c2s => #{true => stream_options([{allow_unencrypted_sasl2, true} | Opts]),
                                         false => stream_options(Opts)}}),
    fun(Stream, Open) -> ecm_stream:open(Stream, Open, Options) end.

-spec substitutes() -> ecm_link_replies:substitutes().
substitutes() ->
    {_, Retry} = ecm_bosh_answer:recoverable(),
    {_, Ended} = ecm_bosh_answer:refusal(<<"internal-server-error">>, true),
    #{retry => Retry, ended => Ended}.

-spec newcomers(opts()) -> ecm_c2s_newcomers:limits().
newcomers(Opts) ->
    options([max_newcomers, newcomer_rate], Opts).

%% As many from one address may wait as may be there without a login.
-spec logins(opts()) -> ecm_c2s_logins:limits().
logins(Opts) ->
    #{max_logins => max_logins(option(max_logins, Opts)), max_waiting => option(max_newcomers, Opts),
      max_body => option(pre_auth_max_stanza_size, Opts)}.

-spec max_logins(auto | pos_integer()) -> pos_integer().
max_logins(auto) -> ?LOGINS_PER_CORE * erlang:system_info(schedulers_online);
max_logins(Number) -> Number.

-spec session_options(opts()) -> ecm_c2s_session:options().
session_options(Opts) ->
    Times = [max_wait, max_hold, max_inactivity, max_pause],
    ecm_intern:term(
      #{session => (options(Times, Opts))#{limits => limits(Opts), newcomer_limits => newcomer_limits(Opts)},
        c2s => c2s_options(Opts), hibernate_after => option(hibernate_after, Opts)}).

%% Pieces of TCP may become a stanza that is longer than a packet, and a link does not bound it.
-spec stream_options(opts()) -> ecm_stream_session:options().
stream_options(Opts) ->
    Limits = (limits(Opts))#{max_body := min(option(max_stanza_size, Opts), option(max_packet, Opts)),
                             max_stanzas := ?MAX_STREAM_STANZAS},
    ecm_intern:term(#{limits => Limits, newcomer_limits => newcomer_limits(Opts),
                      c2s => c2s_options(Opts), hibernate_after => option(hibernate_after, Opts)}).

%% The options of ejabberd's process.
-spec c2s_options(opts()) -> opts().
c2s_options(Opts) ->
    [{Option, option(Option, Opts)} || Option <- [access, shaper, allow_unencrypted_sasl2, max_fsm_queue]]
        ++ ?NO_LIMITS.

%% The router has compared the size of each body with `max_stanza_size'.
-spec limits(opts()) -> ecm_bosh_terms:limits().
limits(Opts) ->
    (options(?LIMITS, Opts))#{
        max_body => infinity, max_stanzas => ?MAX_STANZAS,
        max_elements => option(max_stanza_elements, Opts), counted => each}.

%% Before the login, a body needs no more than one stanza may have.
-spec newcomer_limits(opts()) -> ecm_bosh_terms:limits().
newcomer_limits(Opts) ->
    #{max_waiting := Waiting, max_waiting_size := Size} = Limits = limits(Opts),
    Limits#{max_body := option(pre_auth_max_stanza_size, Opts),
            max_stanzas := ?MAX_STANZAS_BEFORE_LOGIN,
            max_elements := option(pre_auth_max_stanza_elements, Opts), counted := all,
            max_waiting := min(Waiting, ?MAX_WAITING_BEFORE_LOGIN),
            max_waiting_size := min(Size, ?MAX_WAITING_SIZE_BEFORE_LOGIN)}.

-spec connection_options(opts()) -> map().
connection_options(Opts) ->
    Always = maps:from_list([{Option, option(Option, Opts)}
                             || Option <- [protocol, max_packet, max_content, ping_interval, link_timeout]]),
    Named = Always#{instance => atom_to_binary(node()), hello_timeout => ?HELLO_TIMEOUT,
                    resume => option(link_grace, Opts) > 0, window => ?STREAM_WINDOW, leave => true, insight => true},
    Secret = [{secret, Read()} || {secret, Read} <- Opts],
    maps:merge(Named, maps:from_list(Secret)).

-spec options([atom()], opts()) -> #{atom() => term()}.
options(Names, Opts) ->
    maps:from_list([{Name, option(Name, Opts)} || Name <- Names]).

%% @doc Returns the value of an option. One that is not written fits one that is, of which its default would not.
-spec option(atom(), opts()) -> term().
option(Option, Opts) ->
    case lists:keyfind(Option, 1, Opts) of
        {Option, Value} -> Value;
        false -> default(Option, proplists:get_value(Option, defaults()), Opts)
    end.

-spec default(atom(), term(), opts()) -> term().
default(ping_interval, Default, Opts) ->
    case written(link_timeout, Opts) of
        Time when Time =< Default -> Time div ?PINGS;
        _ -> Default
    end;
default(link_timeout, Default, Opts) ->
    case written(ping_interval, Opts) of
        Interval when is_integer(Interval), Interval >= Default -> Interval * ?PINGS;
        _ -> Default
    end;
default(max_stanza_to_client, Default, Opts) ->
    min(Default, written(max_waiting_size, Opts));
default(max_waiting_size, Default, Opts) ->
    case written(max_stanza_to_client, Opts) of
        Longest when is_integer(Longest), Longest > Default -> Longest + ?BESIDE_LONGEST;
        _ -> Default
    end;
default(_, Default, _) ->
    Default.

%% An atom is greater than any number.
-spec written(atom(), opts()) -> term().
written(Option, Opts) ->
    proplists:get_value(Option, Opts, none).

-spec tls_option(opts()) -> opts().
tls_option(Opts) ->
    CertFile = proplists:get_value(certfile, Opts),
    [{tls, fun() -> certificate(CertFile) end} || proplists:get_bool(tls, Opts)].

%% Read for each connection, because ejabberd renews certificates while it runs.
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
