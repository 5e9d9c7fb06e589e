%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: the session of a user who is logged in. The test stands in for the writer of its link,
%% the router, and everything else. The code of the session is ejabberd's own, from p1_server to
%% ejabberd_c2s; there is no ejabberd around it.

-module(ecm_user).

-export([answer/0, answer/1, ask/3, ask/4, await_sleep/1, decoded/1, deliver/2, exchange/1,
         features/0, is_asleep/1, key/0, open/1, open/2, prepare/0, restore/1, routed/0, routed/1,
         start/1, start/3, stop/1]).

-define(CLIENT, {{192, 0, 2, 7}, 51234}).
%% Bytes of the body of an answer.
-define(LIMIT, 1000000).
-define(HOST, <<"chat.example">>).

%% @doc Starts what a session needs, and returns it for restore/1. Routed stanzas go to the caller of
%% open/1.
prepare() ->
    {ok, _} = application:ensure_all_started(xmpp),
    ok = ecm_services:start(),
    {ok, Hooks} = ejabberd_hooks:start_link(),
    true = unlink(Hooks),
    Sup = spawn(fun() -> receive never -> ok end end),
    true = register(ejabberd_sup, Sup),
    Table = ecm_config:start([{hosts, global, [?HOST]}, {host, global, ?HOST}]),
    ok = ejabberd_c2s:host_up(?HOST),
    ok = ecm_c2s:host_up(?HOST),
    ok = ejabberd_hooks:add(filter_packet, ?MODULE, routed, 50),
    {Hooks, Sup, Table}.

restore({Hooks, Sup, Table}) ->
    [stop(Process) || Process <- [Hooks, Sup]],
    ecm_services:stop(),
    ecm_config:stop(Table).

stop(Process) ->
    Monitor = monitor(process, Process),
    exit(Process, kill),
    receive {'DOWN', Monitor, process, _, _} -> ok end.

%% @private A hook. The packet goes nowhere else.
routed(Packet) ->
    Text = fxml:get_subtag_cdata(xmpp:encode(Packet), <<"body">>),
    persistent_term:get(?MODULE) ! {routed, Text},
    drop.

%% @doc Returns the texts of the routed messages.
routed() ->
    receive
        {routed, Text} -> [Text | routed()]
    after 0 ->
        []
    end.

%% @doc Starts a process whose BOSH session has not begun. `Changes' override its state.
start(Changes) ->
    start(Changes, ecm_c2s_socket, fun() -> ok end).

%% @doc The same with a socket of another module, after `Begin' in the process.
start(Changes, SocketModule, Begin) ->
    persistent_term:put(?MODULE, self()),
    proc_lib:spawn(fun() ->
                           ok = Begin(),
                           p1_server:enter_loop(xmpp_stream_in, [], maps:merge(state(SocketModule), Changes))
                   end).

state(SocketModule) ->
    Socket = xmpp_socket:new(SocketModule, {SocketModule, ?CLIENT}, [{xml_socket, true}]),
    #{owner => self(), mod => ejabberd_c2s, socket => Socket,
      socket_monitor => xmpp_socket:monitor(Socket), ip => ?CLIENT,
      stream_state => established, stream_timeout => infinity,
      stream_header_sent => true, stream_direction => in, stream_encrypted => false,
      allow_unencrypted_sasl2 => false,  % newer ejabberds ask for these
      xmlns => <<"jabber:client">>, codec_options => [ignore_els], lang => <<"en">>,
      user => <<"juliet">>, server => ?HOST, lserver => ?HOST,
      resource => <<"balcony">>, pres_a => gb_sets:new(),
      jid => jid:make(<<"juliet">>, ?HOST, <<"balcony">>)}.

%% @doc Returns a session after the request 1, and its SID.
open(Options) ->
    open(Options, #{}).

open(Options, Changes) ->
    Session = start(Changes),
    Times = #{max_wait => 3600, max_hold => 1, max_inactivity => 3600, max_pause => 3600},
    Limits = maps:merge(#{max_concat => 1000, max_answer => 262144, max_stanza_to_client => 1000000,
                          max_waiting => 5000, max_waiting_size => 1000000, max_body => infinity,
                          max_stanzas => 1000, max_elements => infinity, counted => each},
                        maps:get(limits, Options, #{})),
    NewcomerLimits = maps:merge(Limits, maps:get(newcomer_limits, Options, #{})),
    Body = #{rid => 1, to => ?HOST, wait => 3600, hold => 1, ver => <<"1.6">>, els => []},
    Session ! {ecm, {open, Body, exchange(1), key(),
                     #{session => (maps:merge(Times, maps:get(session, Options, #{})))#{
                                    limits => Limits, newcomer_limits => NewcomerLimits},
                       c2s => [{max_fsm_queue, 10000}],
                       hibernate_after => maps:get(hibernate_after, Options, 0)}}},
    ejabberd_c2s:send(Session, features()),
    {200, Answer} = answer(1),
    {match, [Sid]} = re:run(Answer, "sid='([^']*)'", [{capture, [1], binary}]),
    {Session, Sid}.

%% @doc Sends a request with these elements to a session.
ask(Opened, Rid, Content) ->
    ask(Opened, Rid, [], Content).

%% @doc The same, with more attributes of the body.
ask({Session, Sid}, Rid, Attributes, Content) ->
    {ok, Session, Nonce} = ecm_sid:find(key(), Sid),
    Text = [io_lib:format("<body rid='~B' sid='~s' ", [Rid, Sid]), Attributes,
            " xmlns='http://jabber.org/protocol/httpbind'>", Content, "</body>"],
    Body = iolist_to_binary(Text),
    {ok, Head, Unread} = ecm_bosh_body:head(Body),
    ecm_c2s:request(Session, Nonce, {Head, Unread, byte_size(Body)}, exchange(Rid)).

%% @doc Returns the exchange of the request with this RID.
exchange(Rid) -> {self(), Rid, ?LIMIT}.

%% @doc Returns the next answer, with its connection, whose number is the RID.
answer() ->
    receive {answer, Id, Status, Body} -> {Id, Status, Body} end.

answer(Id) ->
    receive {answer, Id, Status, Body} -> {Status, Body} end.

%% @doc Sends a message of another user to a session.
deliver({Session, _}, Text) ->
    Session ! {route, message(Text)}.

message(Text) ->
    decoded(["<message type='chat' from='romeo@chat.example/orchard' "
             "to='juliet@chat.example/balcony'><body>", Text, "</body></message>"]).

features() ->
    decoded("<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>").

%% @doc Returns an element in ejabberd's form.
decoded(Xml) ->
    xmpp:decode(fxml_stream:parse_element(iolist_to_binary(Xml)), <<"jabber:client">>,
                [ignore_els]).

await_sleep(Opened) ->
    ecm_link_pair:await(fun() -> is_asleep(Opened) end).

%% It still seems to sleep with a message that has come just now.
is_asleep({Session, _}) ->
    process_info(Session, [current_function, message_queue_len]) =:=
        [{current_function, {erlang, hibernate, 3}}, {message_queue_len, 0}].

key() ->
    case persistent_term:get({?MODULE, key}, none) of
        none ->
            persistent_term:put({?MODULE, key}, ecm_sid:key()),
            key();
        Key ->
            Key
    end.
