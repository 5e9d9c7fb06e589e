%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The start of a listener: checks its options, gives its socket the right permissions, reads its
%% secret, and warns where anybody can connect.

-module(ecm_listener).

-export([init/2]).

-include_lib("ejabberd/include/logger.hrl").

-import(ecm_listener_options, [option/2, options/2]).

%% Milliseconds in which the peer must read some of what is written; ejabberd's default.
-define(SEND_TIMEOUT, 15000).

-type opts() :: ecm_listener_options:opts().

%% @doc Returns the options of each link. With options that cannot be used, the listener exits with a
%% reason for which its supervisor does not start it again.
-spec init(inet:socket(), opts()) -> opts().
init(ListenSocket, Written) ->
    {ok, Name} = inet:sockname(ListenSocket),
    {Opts, Former} = ecm_listener_options:former(Written),
    lists:foreach(fun(Names) -> warn_of_former_name(Names, Name) end, Former),
    limit_sending(inet:getopts(ListenSocket, [send_timeout]), ListenSocket, Opts),
    start_tls(proplists:get_bool(tls, Opts)),
    Related = [ping_interval, link_timeout, max_stanza_to_client, max_waiting_size, protocol, secret_file],
    sure(fitting(ecm_listener_validation:conflict(options(Related, Opts))), Name),
    sure(permit(Name, Opts), Name),
    with_secret(Name, Opts).

-spec warn_of_former_name({atom(), atom()}, ecm_peer:peer()) -> ok.
warn_of_former_name({Former, Option}, Name) ->
    ?WARNING_MSG("mod_ecm at ~ts: the option '~s' is '~s' now; its former name works until the next release",
                 [ecm_peer:name(Name), Former, Option]).

-spec sure(ok | {error, unicode:chardata()}, ecm_peer:peer()) -> ok.
sure(ok, _) -> ok;
sure({error, Text}, Name) -> refuse(Name, Text).

%% Without these, only ejabberd's own user could connect to a UNIX socket.
-spec permit(ecm_peer:peer(), opts()) -> ok | {error, unicode:chardata()}.
permit({local, Bound}, Opts) ->
    ecm_link_socket_file:permit(path(Bound), option(socket_mode, Opts), option(socket_group, Opts));
permit(_, Opts) ->
    OfFile = maps:with([socket_mode, socket_group], maps:from_list(Opts)),
    fitting(ecm_listener_validation:conflict(OfFile#{port => 0})).

%% The path of this listener's socket. From 23.10 on ejabberd binds it to another one, and renames the file: its
%% supervisor knows the path that the operator has written.
-spec path(Bound :: binary()) -> binary().
path(Bound) ->
    case [Path || {{<<"unix:", Path/binary>>, _, _}, Pid, _, _} <- listeners(), Pid =:= self()] of
        [Path] -> located(Path, file:read_link_info(Path));
        [] -> Bound
    end.

-spec listeners() -> [tuple()].
listeners() ->
    case whereis(ejabberd_listener) of
        undefined -> [];
        Supervisor -> supervisor:which_children(Supervisor)
    end.

%% From 25.03 on a relative path is one in the folder of the database.
-spec located(binary(), {ok, file:file_info()} | {error, term()}) -> file:filename_all().
located(Path, {ok, _}) -> Path;
located(Path, {error, _}) -> filename:join(mnesia:system_info(directory), Path).

%% ejabberd has refused these before, unless they have been read from elsewhere.
-spec fitting(none | binary()) -> ok | {error, binary()}.
fitting(none) -> ok;
fitting(Text) -> {error, Text}.

-spec with_secret(ecm_peer:peer(), opts()) -> opts().
with_secret(Name, Opts) ->
    case read_secret(proplists:get_value(secret_file, Opts)) of
        none ->
            warn_of_everyone(Name),
            Opts;
        {ok, Secret, State} ->
            log_secret(State, proplists:get_value(secret_file, Opts)),
            [{secret, fun() -> Secret end} | Opts];
        {error, Text} ->
            refuse(Name, Text)
    end.

-spec log_secret(ecm_link_secret_file:state(), file:filename_all()) -> ok.
log_secret(kept, _) ->
    ok;
log_secret(made, Path) ->
    ?INFO_MSG("mod_ecm has generated a secret in ~ts: give it to ECM (--link-secret-file)", [Path]);
log_secret({open, Mode}, Path) ->
    ?WARNING_MSG("other users of this machine can get at the secret in ~ts, its mode is ~4.8.0B: "
                 "chmod o= ~ts", [Path, Mode, Path]).

-spec refuse(ecm_peer:peer(), unicode:chardata()) -> no_return().
refuse(Name, Text) ->
    ?CRITICAL_MSG("mod_ecm does not listen at ~ts: ~ts", [ecm_peer:name(Name), Text]),
    exit({shutdown, wrong_option}).

%% ejabberd has the option `send_timeout' for every listener, but passes it to the sockets only since
%% 25.10. Without it, the link of a peer that does not read would last forever, and its answers would
%% pile up.
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

-spec read_secret(file:filename_all() | undefined) ->
    none | {ok, binary(), ecm_link_secret_file:state()} | {error, unicode:chardata()}.
read_secret(undefined) -> none;
read_secret(Path) -> ecm_link_secret_file:read(Path).

%% A UNIX socket has its permissions instead.
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
