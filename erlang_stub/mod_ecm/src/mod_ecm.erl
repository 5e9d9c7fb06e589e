%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The module and the listener, as ejabberd calls them.
%%
%% ECM holds the connections of clients in place of ejabberd, and carries their BOSH requests (XEP-0124) and
%% their streams (WebSocket, TCP) to this listener over one connection, the link. ecm_link owns a link, ecm_router
%% passes each request to its session, ecm_stream begins that of a stream, and a session is one process of
%% ejabberd's own (ecm_c2s), with the rules of ecm_bosh or ecm_stream_session. ecm_link_writer writes the answers.
%%
%% A node needs the same processes, hooks and key for each host and listener. Whichever of them starts
%% first starts these: so a listener works without an entry in `modules'.

-module(mod_ecm).
-behaviour(gen_mod).
-behaviour(ejabberd_listener).

-export([depends/2, mod_doc/0, mod_options/1, post_install/0, reload/3, start/2, stop/1]).
-export([accept/1, listen_opt_type/1, listen_options/0, start/3, start_link/3, tcp_init/2]).

-include_lib("ejabberd/include/logger.hrl").

-type opts() :: ecm_listener_options:opts().

%% The module.

%% @doc Starts what a host needs for its sessions.
-spec start(Host :: binary(), gen_mod:opts()) -> ok.
start(Host, _) ->
    ok = ecm_c2s:host_up(Host),
    ok = ecm_link_gate:start_soon(),
    start_node().

%% @doc Stops nothing: sessions of the host may be alive, and other hosts and listeners share the rest. It
%% ends with ejabberd.
-spec stop(Host :: binary()) -> ok.
stop(_) ->
    ok.

%% @doc There are no options to reload.
-spec reload(Host :: binary(), gen_mod:opts(), gen_mod:opts()) -> ok.
reload(_, _, _) ->
    ok.

-spec depends(Host :: binary(), gen_mod:opts()) -> [].
depends(_, _) ->
    [].

%% @doc Returns none: all options are those of the listener.
-spec mod_options(Host :: binary()) -> [].
mod_options(_) ->
    [].

%% @doc Returns what `ejabberdctl man' says of the module.
-spec mod_doc() -> #{desc := binary(), example := [string()]}.
mod_doc() ->
    #{desc =>
          <<"This module takes BOSH requests (XEP-0124, XEP-0206) and streams (WebSocket, RFC 7395; TCP, RFC 6120) "
            "from ECM, the ejabberd connection manager of Megaphone, which holds the connections of clients in "
            "place of ejabberd. Its sessions hibernate while nothing happens. Neither 'mod_bosh' nor another "
            "listener is needed for these clients. All options are those of the listener; the README of the "
            "module explains them.">>,
      example =>
          ["listen:",
           "  -",
           "    port: 5290",
           "    ip: \"127.0.0.1\"",
           "    module: mod_ecm",
           "    secret_file: /var/lib/ejabberd/ecm-secret",
           "",
           "modules:",
           "  mod_ecm: {}"]}.

%% @doc Called by ejabberd's installer when it has installed or upgraded the module. It loads this file alone
%% again: running sessions must not meet code that keeps their state in another form.
-spec post_install() -> ok.
post_install() ->
    case [Module || {Module, _} <- code:all_loaded(), is_own(atom_to_list(Module)),
                    code:module_status(Module) =:= modified] of
        [] ->
            ok;
        _ ->
            ?WARNING_MSG("mod_ecm was upgraded, and runs its former code until ejabberd is restarted: "
                         "restart it now; until then, links and sessions go on", [])
    end.

-spec is_own(Module :: string()) -> boolean().
is_own("ecm_" ++ _) -> true;
is_own(_) -> false.

%% The listener.

%% @doc Called when the listener starts, before there are connections. Returns the options of each link, or
%% does not return, and accepts the connections itself.
-spec tcp_init(inet:socket(), opts()) -> opts().
tcp_init(ListenSocket, Opts) ->
    lists:foreach(fun ecm_c2s:host_up/1, ejabberd_option:hosts()),
    start_node(),
    ok = ecm_restart:take_up(),
    ok = ecm_link_sup:start(),
    ok = ecm_link_gate:start(),
    ecm_evacuation_command:patience(ecm_listener_options:option(evacuation_timeout, Opts)),
    Links = ecm_listener:init(ListenSocket, Opts),
    case ecm_listener_acceptor:is_needed(ListenSocket) of
        true -> ecm_listener_acceptor:run(ListenSocket, Links);
        false -> Links
    end.

-spec start(gen_tcp, inet:socket(), opts()) -> {ok, pid()} | {error, term()} | ignore.
start(gen_tcp, Socket, Opts) ->
    ecm_link:start(Socket, ecm_listener_options:for_link(Opts)).

-spec start_link(gen_tcp, inet:socket(), opts()) -> {ok, pid()} | {error, term()} | ignore.
start_link(gen_tcp, Socket, Opts) ->
    ecm_link:start_link(Socket, ecm_listener_options:for_link(Opts)).

-spec accept(pid()) -> ok.
accept(Link) ->
    ecm_link:accept(Link).

-spec listen_options() -> opts().
listen_options() ->
    ok = ecm_listener_validation:begin_listener(),
    ecm_listener_options:defaults().

-spec listen_opt_type(atom()) -> econf:validator().
listen_opt_type(Option) ->
    ecm_listener_options:type(Option).

%% Idempotent.
-spec start_node() -> ok.
start_node() ->
    ok = load(),
    ok = ecm_stats:start(),
    ok = ecm_restart:register_commands(),
    ok = ecm_report_command:register(),
    ok = ejabberd_hooks:add(ejabberd_started, ecm_restart, take_up, 50),
    ok = ecm_listener_reload:add_hook(),
    ok = ecm_c2s:add_hooks(),
    ok = ecm_sid_key:start(),
    ok = ecm_sup:start(),
    ecm_evacuation_command:register().

%% Loads all modules. What is loaded only when it is called may have been upgraded by then, or uninstalled, and
%% sessions and links that run must not meet that.
-spec load() -> ok.
load() ->
    Files = filelib:wildcard("ecm_*.beam", filename:dirname(code:which(?MODULE))),
    ok = code:ensure_modules_loaded([list_to_atom(filename:basename(File, ".beam")) || File <- Files]).
