%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state machine of mod_ecm's end of a link: packets and the time go in, events come out.
%%
%% It negotiates whether the link is plain or typed, authenticates ECM, answers the messages that concern the
%% link itself, and passes on to its owner (ecm_link) what concerns a client. docs/protocol.md of Megaphone
%% specifies it, and ecm/link/connection.py is the other end. Pure: no process, no socket, no clock, no log.
%%
%% Each input is an event of the table transitions/0, which has the state after it.

-module(ecm_link_connection).

-export([drain/1, fault/2, new/2, packet/3, received/2, stalled/1, tick/2, transitions/0]).
-export_type([body/0, connection/0, event/0, form/0, options/0, state/0, time/0]).

%% More pings than this within one second are a flood; one every few seconds is enough for anybody.
-define(MAX_PINGS, 100).
-define(SECOND, 1000).

%% Bytes of an unknown name that an error repeats.
-define(REPEATED, 64).

%% Monotonic milliseconds, from any origin.
-type time() :: integer().
-type form() :: plain | typed.

%% `secret' is there if one is configured; `instance' is the name of this node; `max_packet' is the bytes of
%% the longest packet that is accepted, and `max_content' of the longest answer that is sent in parts;
%% `nonce' is 32 hexadecimal digits, lower case, for this link alone. The rest are milliseconds.
-type options() :: #{protocol := auto | typed | plain,
                     secret => binary(),
                     instance := binary(),
                     max_packet := pos_integer(),
                     max_content := pos_integer(),
                     nonce := binary(),
                     ping_interval := pos_integer(),
                     link_timeout := pos_integer(),
                     hello_timeout := pos_integer()}.

%% What the owner does, in this order. `refused' is for the log: this end or ECM did not understand
%% something on a connection. `close' has a text for the log as well, and is the last event.
-type event() ::
    {send, ecm_link_packet:id(), Content :: iodata()} |
    {up, plain | ecm_link_hello:agreement()} |
    {request, ecm_link_packet:id(), Client :: client(), Secure :: boolean(), body()} |
    {gone, ecm_link_packet:id(), Reason :: binary()} |
    {round_trip, Milliseconds :: non_neg_integer()} |
    peer_draining |
    {refused, ecm_link_packet:id(), Text :: iodata()} |
    {close, Text :: iodata()}.

-type client() :: {inet:ip_address(), inet:port_number()} | unknown.

%% The body of a request; `truncated' if it is too long for ECM, which then sends only its first bytes.
-type body() :: binary() | {truncated, First :: binary()}.

%% Before the first packet a link is `plain_only' (every link is plain to this end), `negotiating' (the
%% packet decides), or `typed_only' (the packet must be hello). It is `authenticating' until ECM has proved
%% that it knows the secret, and `draining' once this end has announced that it stops.
-type state() ::
    plain_only | negotiating | typed_only | plain | authenticating | typed | draining | closed.

%% An event of the table, with its arguments.
-type input() ::
    none | {proof | drain | ignored | due | stop} |
    {packet | content, ecm_link_packet:packet()} | {hello | challenge, Fields :: map()} |
    {request, ecm_link_packet:id(), ecm_link_message:line()} |
    {gone, ecm_link_packet:id(), Reason :: binary()} |
    {refused, ecm_link_packet:id(), Code :: atom(), Text :: iodata()} |
    {complaint, ecm_link_packet:id(), Text :: iodata()} | {ping | pong, Token :: binary()} |
    {broken | error | version | unproven | unexpected | malformed | silent | flood,
     Text :: iodata()}.

-record(connection,
        {state :: state(),
         options :: options(),
         next = next() :: #{{state(), atom()} => state()},
         began :: time(),            % of the link; when authenticating, of this end's hello
         last_received :: time(),    % of any bytes
         hello = #{} :: map(),       % the fields of ECM's hello, when authenticating
         pinged :: time(),           % this end's last ping, or the time since when one may be sent
         tokens = 0 :: non_neg_integer(),         % of pings sent so far
         pending_ping = none :: none | binary(),  % the token of a ping without a pong
         pings = [] :: [time()],     % received within the last second
         peer_draining = false :: boolean()}).

-opaque connection() :: #connection{}.

%% @doc Returns the events that each state accepts, with the state after them. An event that has the name
%% of an error code is answered with this error, on connection 0.
-spec transitions() -> [{state(), Event :: atom(), Next :: state()}].
transitions() ->
    [{plain_only, packet, plain},
     {negotiating, packet, plain},
     {negotiating, hello, typed},
     {typed_only, hello, typed},
     {typed_only, challenge, authenticating},
     {authenticating, proof, typed},
     {typed, stop, draining},
     {plain, content, plain}]
        ++ [{authenticating, Event, authenticating} || Event <- [ping, pong, drain, ignored]]
        ++ [{typed, Event, typed} || Event <- open()]
        ++ [{draining, Event, draining} || Event <- open()]
        ++ [{State, Event, closed} || {State, Events} <- ends(), Event <- Events].

%% Events that do not change the state of a link that is open for requests.
-spec open() -> [atom()].
open() ->
    [request, gone, refused, complaint, ping, pong, drain, ignored, due].

-spec ends() -> [{state(), [atom()]}].
ends() ->
    [{plain_only, [broken, stop]},
     {negotiating, [version, unexpected, malformed, error, broken, stop]},
     {typed_only, [version, unexpected, malformed, silent, error, stop]},
     {plain, [broken]},
     {authenticating, [unproven, unexpected, malformed, flood, error, stop]},
     {typed, [unproven, unexpected, malformed, silent, flood, error]},
     {draining, [unproven, unexpected, malformed, silent, flood, error]}].

-spec next() -> #{{state(), atom()} => state()}.
next() ->
    maps:from_list([{{State, Event}, Next} || {State, Event, Next} <- transitions()]).

%% @doc Returns the state machine of a link that has just been opened.
-spec new(options(), time()) -> connection().
new(Options, Now) ->
    #connection{state = first_state(Options), options = Options,
              began = Now, last_received = Now, pinged = Now}.

%% With a secret, a link is never plain.
-spec first_state(options()) -> state().
first_state(#{secret := _}) -> typed_only;
first_state(#{protocol := auto}) -> negotiating;
first_state(#{protocol := typed}) -> typed_only;
first_state(#{protocol := plain}) -> plain_only.

%% @doc Takes notice of received bytes: the peer is alive.
-spec received(time(), connection()) -> connection().
received(Now, Connection) ->
    Connection#connection{last_received = Now}.

%% @doc Takes a packet.
-spec packet(ecm_link_packet:packet(), time(), connection()) -> {[event()], connection()}.
packet(Packet, Now, Connection) ->
    transition(classify(Packet, Now, Connection), Now, Connection).

%% @doc Checks timeouts, and sends a ping if one is due. Called about once a second.
-spec tick(time(), connection()) -> {[event()], connection()}.
tick(Now, Connection) ->
    transition(timeouts(Now, Connection), Now, Connection).

%% @doc Begins a graceful shutdown: asks ECM to send no new requests. A plain link cannot say so, and a link
%% that is not open for requests yet is closed.
-spec drain(connection()) -> {[event()], connection()}.
drain(#connection{state = State} = Connection)
  when State =:= plain; State =:= draining; State =:= closed ->
    {[], Connection};
drain(#connection{last_received = Heard} = Connection) ->
    transition({stop}, Heard, Connection).

%% @doc Closes the link: the received bytes are not a packet.
-spec fault(ecm_link_packet:reason(), connection()) -> {[event()], connection()}.
fault(Reason, #connection{state = State, last_received = Heard} = Connection) ->
    transition(malformed(State, atom_to_binary(Reason)), Heard, Connection).

%% @doc Closes the link: a packet has begun, and is still incomplete after the dead-peer time.
-spec stalled(connection()) -> {[event()], connection()}.
stalled(#connection{state = State, last_received = Heard, options = Options} = Connection) ->
    #{link_timeout := LinkTimeout} = Options,
    Text = ["a packet was not complete after ", seconds(LinkTimeout)],
    transition(incomplete(State, Text), Heard, Connection).

%% Inputs.

-spec incomplete(state(), Text :: iodata()) -> input().
incomplete(closed, _) -> none;
incomplete(authenticating, _) -> none;  % the timeout of hello is shorter
incomplete(State, Text) when State =:= typed_only; State =:= typed; State =:= draining ->
    {silent, Text};
incomplete(_, Text) ->
    {broken, Text}.

-spec classify(ecm_link_packet:packet(), time(), connection()) -> input().
classify(_, _, #connection{state = closed}) ->
    none;
classify(Packet, _, #connection{state = plain}) ->
    {content, Packet};
classify(Packet, _, #connection{state = plain_only}) ->
    {packet, Packet};
classify(Packet, _, #connection{state = State} = Connection)
  when State =:= negotiating; State =:= typed_only ->
    first(Packet, Connection);
classify({Id, _}, _, #connection{state = authenticating}) when Id =/= 0 ->
    {unproven, <<"a proof must come before the first request">>};
classify({Id, Content}, Now, Connection) ->
    message(Id, Content, ecm_link_message:parse(Content), Now, Connection).

%% The first packet of a link decides its form. A malformed hello is still a hello: a link that took it for
%% a plain body would never report the error.
-spec first(ecm_link_packet:packet(), connection()) -> input().
first({0, Content} = Packet, Connection) -> first(ecm_link_message:parse(Content), Packet, Connection);
first(Packet, Connection) -> other(Packet, Connection).

-spec first(ecm_link_message:result(), ecm_link_packet:packet(), connection()) -> input().
first({ok, #{type := hello, fields := Fields}}, _, Connection) ->
    hello(Fields, Connection);
first({ok, #{type := error, words := [Code, Text]}}, _, _) ->
    {error, says(Code, Text)};
first({error, Fault}, {0, <<"hello", _/binary>>}, _) when Fault =/= 'bad-type' ->
    {malformed, atom_to_binary(Fault)};
first(_, Packet, Connection) ->
    other(Packet, Connection).

-spec other(ecm_link_packet:packet(), connection()) -> input().
other(Packet, #connection{state = negotiating}) -> {packet, Packet};
other(_, _) -> {unexpected, <<"hello must come first">>}.

-spec hello(ecm_link_hello:hello(), connection()) -> input().
hello(Fields, #connection{options = Options}) ->
    case ecm_link_hello:refusal(Fields) of
        none when is_map_key(secret, Options) -> {challenge, Fields};
        none -> {hello, Fields};
        Refusal -> Refusal
    end.

%% A message of ECM on a typed link.
-spec message(ecm_link_packet:id(), Content :: binary(), ecm_link_message:result(), time(),
              connection()) -> input().
message(Id, _, {ok, #{type := Type} = Line}, Now, Connection) ->
    case ecm_link_message:comes(Type, ecm, Id) of
        true -> known_message(Id, Line, Now, Connection);
        false -> fault_on(Id, unexpected, [atom_to_binary(Type), " does not belong here"])
    end;
message(0, _, {unknown, _}, _, _) ->
    {ignored};
message(Id, _, {unknown, Type}, _, _) ->
    Name = binary:part(Type, 0, min(?REPEATED, byte_size(Type))),
    fault_on(Id, 'unknown-type', ["there is no ", Name]);
message(Id, <<"error", _/binary>>, {error, Fault}, _, _) when Id =/= 0 ->
    {complaint, Id, ["malformed error: ", atom_to_binary(Fault)]};
message(Id, _, {error, Fault}, _, _) ->
    fault_on(Id, malformed, atom_to_binary(Fault)).

%% A fault on connection 0 closes the link; on another one it concerns only that connection.
-spec fault_on(ecm_link_packet:id(), unexpected | malformed | 'unknown-type', iodata()) -> input().
fault_on(0, Code, Text) -> {Code, Text};
fault_on(Id, Code, Text) -> {refused, Id, Code, Text}.

-spec known_message(ecm_link_packet:id(), ecm_link_message:line(), time(), connection()) -> input().
known_message(Id, #{type := request} = Line, _, _) -> {request, Id, Line};
known_message(Id, #{type := close, words := [Reason]}, _, _) -> {gone, Id, Reason};
known_message(0, #{type := error, words := [Code, Text]}, _, _) -> {error, says(Code, Text)};
known_message(Id, #{type := error, words := [Code, Text]}, _, _) -> {complaint, Id, says(Code, Text)};
known_message(0, #{type := hello}, _, _) -> {unexpected, <<"hello came twice">>};
known_message(0, #{type := proof, words := [Proof]}, _, Connection) -> proven(Proof, Connection);
known_message(0, #{type := ping, words := [Token]}, Now, Connection) -> ping(Token, Now, Connection);
known_message(0, #{type := pong, words := [Token]}, _, _) -> {pong, Token};
known_message(0, #{type := drain}, _, _) -> {drain};
known_message(0, #{type := Type}, _, _) when Type =:= resume; Type =:= ack ->
    {unexpected, [atom_to_binary(Type), " came without the feature resume"]}.

-spec says(Code :: binary(), Text :: binary()) -> iodata().
says(Code, Text) ->
    ["ECM says ", Code, ": ", Text].

-spec proven(binary(), connection()) -> input().
proven(Proof, #connection{state = authenticating, hello = Hello, options = Options}) ->
    case ecm_link_hello:is_proven(Proof, Hello, Options) of
        true -> {proof};
        false -> {unproven, <<"the proof is wrong: the secrets differ">>}
    end;
proven(_, #connection{options = #{secret := _}}) ->
    {unexpected, <<"proof came twice">>};
proven(_, _) ->
    {unproven, <<"a proof came, but ejabberd has no secret">>}.

-spec ping(binary(), time(), connection()) -> input().
ping(Token, Now, Connection) ->
    case length(recent(Now, Connection)) of
        ?MAX_PINGS -> {flood, ["more than ", integer_to_binary(?MAX_PINGS), " pings in a second"]};
        _ -> {ping, Token}
    end.

-spec recent(time(), connection()) -> [time()].
recent(Now, #connection{pings = Pings}) ->
    [Ping || Ping <- Pings, Now - Ping < ?SECOND].

-spec malformed(state(), Reason :: binary()) -> input().
malformed(closed, _) -> none;
malformed(State, Reason) when State =:= plain_only; State =:= negotiating; State =:= plain ->
    {broken, ["malformed: ", Reason]};
malformed(_, Reason) -> {malformed, Reason}.

-spec timeouts(time(), connection()) -> input().
timeouts(Now, #connection{state = State, began = Began, options = #{hello_timeout := Timeout}})
  when State =:= typed_only, Now - Began >= Timeout ->
    {silent, ["no hello came for ", seconds(Timeout)]};
timeouts(Now, #connection{state = State, began = Began, options = #{hello_timeout := Timeout}})
  when State =:= authenticating, Now - Began >= Timeout ->
    {unproven, ["no proof came for ", seconds(Timeout)]};
timeouts(Now, #connection{state = State} = Connection) when State =:= typed; State =:= draining ->
    keep_alive(Now, Connection);
timeouts(_, _) ->
    none.

-spec keep_alive(time(), connection()) -> input().
keep_alive(Now, #connection{last_received = Heard, options = #{link_timeout := LinkTimeout}})
  when Now - Heard >= LinkTimeout ->
    {silent, ["nothing came for ", seconds(LinkTimeout)]};
keep_alive(Now, #connection{pending_ping = none, pinged = Pinged, options = #{ping_interval := Interval}})
  when Now - Pinged >= Interval ->
    {due};
keep_alive(_, _) ->
    none.

-spec seconds(pos_integer()) -> iodata().
seconds(Milliseconds) ->
    [integer_to_binary(Milliseconds div ?SECOND), " seconds"].

%% Outputs.

-spec transition(input(), time(), connection()) -> {[event()], connection()}.
transition(none, _, Connection) ->
    {[], Connection};
transition(Input, Now, #connection{state = State, next = Table} = Connection) ->
    Next = maps:get({State, element(1, Input)}, Table),
    act(Input, Now, Connection#connection{state = Next}).

%% `Connection' has the new state already.
-spec act(input(), time(), connection()) -> {[event()], connection()}.
act({content, Packet}, _, Connection) ->
    {carried(Packet), Connection};
act({packet, Packet}, _, Connection) ->
    {[{up, plain} | carried(Packet)], Connection};
act({request, Id, #{fields := Fields, body := Body}}, _, Connection) ->
    Client = maps:get(<<"peer">>, Fields, unknown),
    {[{request, Id, Client, maps:get(<<"secure">>, Fields, false), body(Fields, Body)}], Connection};
act({gone, _, _} = Gone, _, Connection) ->
    {[Gone], Connection};
act({refused, Id, Code, Text}, _, Connection) ->
    {[objection(Id, Code, Text), {refused, Id, [atom_to_binary(Code), ": ", Text]}], Connection};
act({complaint, Id, Text}, _, Connection) ->
    {[{refused, Id, Text}], Connection};
act(Input, Now, Connection) ->
    act_on_link(Input, Now, Connection).

%% The inputs that concern the link itself.
-spec act_on_link(input(), time(), connection()) -> {[event()], connection()}.
act_on_link({hello, Hello}, Now, Connection) ->
    {[own_hello(Hello, Connection), {up, ecm_link_hello:agreed(Hello)}],
     Connection#connection{pinged = Now}};
act_on_link({challenge, Hello}, Now, Connection) ->
    {[own_hello(Hello, Connection)], Connection#connection{hello = Hello, began = Now}};
act_on_link({proof}, Now, #connection{hello = Hello} = Connection) ->
    {[{up, ecm_link_hello:agreed(Hello)}], Connection#connection{hello = #{}, pinged = Now}};
act_on_link({ping, Token}, Now, Connection) ->
    {[{send, 0, ecm_link_message:write(pong, [Token], [])}],
     Connection#connection{pings = [Now | recent(Now, Connection)]}};
act_on_link({pong, Token}, Now, #connection{pending_ping = Token, pinged = Pinged} = Connection) ->
    {[{round_trip, max(0, Now - Pinged)}], Connection#connection{pending_ping = none}};
act_on_link({pong, _}, _, Connection) ->
    {[], Connection};
act_on_link({drain}, _, #connection{peer_draining = IsKnown} = Connection) ->
    {[peer_draining || not IsKnown], Connection#connection{peer_draining = true}};
act_on_link({ignored}, _, Connection) ->
    {[], Connection};
act_on_link({due}, Now, #connection{tokens = Tokens} = Connection) ->
    Token = integer_to_binary(Tokens + 1),
    {[{send, 0, ecm_link_message:write(ping, [Token], [])}],
     Connection#connection{tokens = Tokens + 1, pending_ping = Token, pinged = Now}};
act_on_link({stop}, _, #connection{state = draining} = Connection) ->
    {[{send, 0, ecm_link_message:write(drain, [], [])}], Connection};
act_on_link({stop}, _, Connection) ->
    {[{close, <<"ejabberd stops">>}], Connection};
act_on_link({Last, Text}, _, Connection) when Last =:= broken; Last =:= error ->
    {[{close, Text}], Connection};
act_on_link({Code, Text}, _, Connection) ->
    {[objection(0, Code, Text), {close, [atom_to_binary(Code), ": ", Text]}], Connection}.

-spec body(Fields :: map(), binary()) -> body().
body(#{<<"truncated">> := true}, First) -> {truncated, First};
body(_, Body) -> Body.

-spec carried(ecm_link_packet:packet()) -> [event()].
carried({0, _}) -> [];
carried({Id, Content}) -> [{request, Id, unknown, false, Content}].

-spec objection(ecm_link_packet:id(), Code :: atom(), Text :: iodata()) -> event().
objection(Id, Code, Text) ->
    {send, Id, ecm_link_message:write(error, [atom_to_binary(Code), Text], [])}.

-spec own_hello(ecm_link_hello:hello(), connection()) -> event().
own_hello(Hello, #connection{options = Options}) ->
    {send, 0, ecm_link_hello:own(Hello, Options)}.
