%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state machine of mod_ecm's end of a link: packets and the time go in, events come out.
%%
%% It negotiates whether the link is plain or typed, authenticates ECM, answers the messages that concern the
%% link itself, and passes on to its owner (ecm_link) what concerns a client. docs/protocol.md of Megaphone
%% specifies it, and ecm/link/connection.py is the other end. Pure: no process, no socket, no clock, no log.
%%
%% Each input is an event of the table in ecm_link_state, which has the state after it.

-module(ecm_link_connection).

-export([drain/1, fault/2, new/2, outlived/1, packet/3, received/2, refuse/2, stalled/1, tick/2]).
-export_type([asked/0, body/0, connection/0, event/0, form/0, opened/0, options/0, time/0]).

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
%% `nonce' is 32 hexadecimal digits, lower case, for this link alone. With `resume', a link may outlive its
%% connection. With `window', the bytes that may have come on a stream and not been taken, it may carry streams.
%% With `insight', this end tells of its node and of sessions; with `leave', ECM may ask for the last message of a
%% stream. The rest are milliseconds.
-type options() :: #{protocol := auto | typed | plain,
                     secret => binary(),
                     instance := binary(),
                     max_packet := pos_integer(),
                     max_content := pos_integer(),
                     nonce := binary(),
                     resume := boolean(),
                     window => pos_integer(),
                     insight => boolean(),
                     leave => boolean(),
                     ping_interval := pos_integer(),
                     link_timeout := pos_integer(),
                     hello_timeout := pos_integer()}.

%% What the owner does, in this order. After `resume' the link is up as after `up', on behalf of the link that
%% the token names, of whose packets ECM has so many; or of a new one. ECM has given up the link of the token of
%% `over', which ends before. `nodes' are the other nodes that ECM
%% reaches, `pong' is to be sent, and so are `stats', the numbers of this node, and the answer to `inspect'. `refused'
%% is for the log: this end or ECM did not understand something on a connection. `close' has a text for the log as well,
%% and is the last event; and so is `break', which closes only the connection.
-type event() ::
    {send, ecm_link_packet:id(), Content :: iodata()} |
    {up, plain | ecm_link_hello:agreement()} |
    {over, ecm_link_tokens:token()} |
    {resume, ecm_link_hello:agreement(), ecm_link_tokens:token() | new, Got :: ecm_link_ring:count()} |
    {acknowledged, ecm_link_ring:count()} |
    {request, ecm_link_packet:id(), Client :: client(), Secure :: boolean(), body()} |
    {open, ecm_link_packet:id(), opened()} |
    {message, ecm_link_packet:id(), Body :: binary()} |
    {more, ecm_link_packet:id(), Bytes :: non_neg_integer()} |
    {leave, ecm_link_packet:id()} |
    {nodes, [Name :: binary()]} |
    {pong, Token :: binary()} |
    stats |
    {inspect, Token :: binary(), asked()} |
    {gone, ecm_link_packet:id(), Reason :: binary()} |
    {round_trip, Milliseconds :: non_neg_integer()} |
    peer_draining |
    {refused, ecm_link_packet:id(), Text :: iodata()} |
    {break | close, Text :: iodata()}.

-type client() :: {inet:ip_address(), inet:port_number()} | unknown.

%% The body of a request; `truncated' if it is too long for ECM, which then sends only its first bytes,
%% `redirected' if another node has given it back, and `full' if ECM has no room for newcomers.
-type body() :: binary() | {truncated, First :: binary()} | {redirected, binary()} | {full, binary()}.

%% What ECM says of a stream that it opens. The fields are the others, as they came or decoded.
-type opened() :: {Kind :: binary(), client(), Secure :: boolean(), Fields :: #{binary() => term()}}.

%% Whose session ECM asks for, by one of `jid', `sid' and `id'; that has been checked later.
-type asked() :: #{binary() => binary() | ecm_link_packet:id()}.

%% An event of the table, with its arguments.
-type input() ::
    none | {proof | proof_to_resume | drain | ignored | due | stop} |
    {packet | content, ecm_link_packet:packet()} |
    {hello | hello_to_resume | challenge | resume, Fields :: map()} | {ack, ecm_link_ring:count()} |
    {request, ecm_link_packet:id(), ecm_link_message:line()} |
    {open, ecm_link_packet:id(), opened()} | {message, ecm_link_packet:id(), Body :: binary()} |
    {more, ecm_link_packet:id(), Bytes :: non_neg_integer()} | {leave | unwanted, ecm_link_packet:id()} |
    {gone, ecm_link_packet:id(), Reason :: binary()} |
    {refused, ecm_link_packet:id(), Code :: atom(), Text :: iodata()} |
    {complaint, ecm_link_packet:id(), Text :: iodata()} | {pong, Token :: binary()} |
    {ping, Token :: binary(), Asked :: boolean()} | {inspect, Token :: binary(), asked()} |
    {nodes, [Name :: binary()]} |
    {broken | lost | error | version | unproven | unexpected | malformed | silent | flood,
     Text :: iodata()}.

-record(connection,
        {state :: ecm_link_state:state(),
         options :: options(),
         next = ecm_link_state:next() :: ecm_link_state:table(),
         began :: time(),            % of the link; when authenticating, of this end's hello
         last_received :: time(),    % of any bytes
         hello = #{} :: map(),       % the fields of ECM's hello, when authenticating or resuming
         pinged :: time(),           % this end's last ping, or the time since when one may be sent
         tokens = 0 :: non_neg_integer(),         % of pings sent so far
         pending_ping = none :: none | binary(),  % the token of a ping without a pong
         pings = [] :: [time()],     % received within the last second
         streams = false :: boolean(),      % whether the link carries streams
         insight = false :: boolean(),      % whether ECM is told of this node and of sessions
         peer_draining = false :: boolean(),
         resumed = false :: boolean(),      % whether the peer has said resume
         outlived = false :: boolean()}).   % whether the link goes on without this connection

-opaque connection() :: #connection{}.

%% @doc Returns the state machine of a link that has just been opened.
-spec new(options(), time()) -> connection().
new(Options, Now) ->
    #connection{state = first_state(Options), options = Options,
              began = Now, last_received = Now, pinged = Now}.

%% With a secret, a link is never plain.
-spec first_state(options()) -> ecm_link_state:state().
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

%% @doc Closes the link: ECM has spoken of packets that it cannot have.
-spec refuse(Text :: iodata(), connection()) -> {[event()], connection()}.
refuse(_, #connection{state = closed} = Connection) ->
    {[], Connection};
refuse(Text, #connection{last_received = Heard} = Connection) ->
    transition({unexpected, Text}, Heard, Connection).

%% @doc Returns whether the link goes on when its connection ends.
-spec outlived(connection()) -> boolean().
outlived(#connection{outlived = IsOutlived}) ->
    IsOutlived.

%% Inputs.

-spec incomplete(ecm_link_state:state(), Text :: iodata()) -> input().
incomplete(closed, _) -> none;
incomplete(State, _) when State =:= authenticating; State =:= resuming ->
    none;  % the timeout of hello is shorter
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
classify({Id, _}, _, #connection{state = resuming}) when Id =/= 0 ->
    {unexpected, <<"resume must come before the first request">>};
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
        none -> {to_resume(ecm_link_hello:resumes(Fields, Options), hello), Fields};
        Refusal -> Refusal
    end.

-spec to_resume(boolean(), hello | proof) -> atom().
to_resume(true, hello) -> hello_to_resume;
to_resume(true, proof) -> proof_to_resume;
to_resume(false, Event) -> Event.

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
known_message(Id, #{type := message, body := Body}, _, #connection{streams = true}) -> {message, Id, Body};
known_message(Id, #{type := Type} = Line, _, Connection)
  when Type =:= open; Type =:= message; Type =:= more; Type =:= leave ->
    about_stream(Id, Line, Connection);
known_message(0, #{type := error, words := [<<"silent">>, Text]}, _, #connection{outlived = true}) ->
    {lost, says(<<"silent">>, Text)};
known_message(0, #{type := error, words := [Code, Text]}, _, _) -> {error, says(Code, Text)};
known_message(Id, #{type := error, words := [Code, Text]}, _, _) -> {complaint, Id, says(Code, Text)};
known_message(0, #{type := hello}, _, _) -> {unexpected, <<"hello came twice">>};
known_message(0, #{type := proof, words := [Proof]}, _, Connection) -> proven(Proof, Connection);
known_message(0, #{type := ping, words := [Token], fields := Fields}, Now, Connection) ->
    ping(Token, maps:get(<<"stats">>, Fields, false), Now, Connection);
known_message(0, #{type := inspect, words := [Token], fields := Fields}, _, Connection) ->
    inspect(Token, Fields, Connection);
known_message(0, #{type := pong, words := [Token]}, _, _) -> {pong, Token};
known_message(0, #{type := drain}, _, _) -> {drain};
known_message(0, #{type := nodes, body := Names}, _, Connection) -> others(Names, Connection);
known_message(0, #{type := resume, fields := Fields}, _, Connection) -> resume(Fields, Connection);
known_message(0, #{type := ack, words := [Number]}, _, Connection) -> ack(Number, Connection).

%% ECM may have opened a stream before it has heard that this end drains.
-spec about_stream(ecm_link_packet:id(), ecm_link_message:line(), connection()) -> input().
about_stream(Id, #{type := Type}, #connection{streams = false}) ->
    fault_on(Id, unexpected, [atom_to_binary(Type), " came without the feature streams"]);
about_stream(Id, #{type := open}, #connection{state = draining}) ->
    {unwanted, Id};
about_stream(Id, #{type := open, words := [Kind], fields := Fields}, _) ->
    Known = [<<"peer">>, <<"secure">>],
    {open, Id, {Kind, maps:get(<<"peer">>, Fields, unknown), maps:get(<<"secure">>, Fields, false),
                maps:without(Known, Fields)}};
about_stream(Id, #{type := more, words := [Bytes]}, _) ->
    {more, Id, Bytes};
about_stream(Id, #{type := leave}, _) ->
    {leave, Id}.

-spec says(Code :: binary(), Text :: binary()) -> iodata().
says(Code, Text) ->
    ["ECM says ", Code, ": ", Text].

-spec proven(binary(), connection()) -> input().
proven(Proof, #connection{state = authenticating, hello = Hello, options = Options}) ->
    case ecm_link_hello:is_proven(Proof, Hello, Options) of
        true -> {to_resume(ecm_link_hello:resumes(Hello, Options), proof)};
        false -> {unproven, <<"the proof is wrong: the secrets differ">>}
    end;
proven(_, #connection{options = #{secret := _}}) ->
    {unexpected, <<"proof came twice">>};
proven(_, _) ->
    {unproven, <<"a proof came, but ejabberd has no secret">>}.

-spec resume(Fields :: map(), connection()) -> input().
resume(Fields, #connection{state = resuming}) -> {resume, Fields};
resume(_, #connection{resumed = true}) -> {unexpected, <<"resume came twice">>};
resume(_, _) -> {unexpected, <<"resume came without the feature">>}.

-spec ack(ecm_link_ring:count(), connection()) -> input().
ack(Number, #connection{resumed = true}) -> {ack, Number};
ack(_, #connection{state = resuming}) -> {unexpected, <<"ack came before resume">>};
ack(_, _) -> {unexpected, <<"ack came without the feature resume">>}.

-spec others(Names :: binary(), connection()) -> input().
others(Names, #connection{state = State}) when State =:= typed; State =:= draining ->
    {nodes, binary:split(Names, <<"\n">>, [global, trim_all])};
others(_, _) ->
    {unexpected, <<"nodes came before the link was up">>}.

-spec inspect(binary(), asked(), connection()) -> input().
inspect(Token, Asked, #connection{insight = true, state = State}) when State =:= typed; State =:= draining ->
    {inspect, Token, Asked};
inspect(_, _, #connection{insight = true}) ->
    {unexpected, <<"inspect came before the link was up">>};
inspect(_, _, _) ->
    {unexpected, <<"inspect came without the feature insight">>}.

-spec ping(binary(), Asked :: boolean(), time(), connection()) -> input().
ping(Token, Asked, Now, #connection{insight = Tells} = Connection) ->
    case length(recent(Now, Connection)) of
        ?MAX_PINGS -> {flood, ["more than ", integer_to_binary(?MAX_PINGS), " pings in a second"]};
        _ -> {ping, Token, Tells andalso Asked}
    end.

-spec recent(time(), connection()) -> [time()].
recent(Now, #connection{pings = Pings}) ->
    [Ping || Ping <- Pings, Now - Ping < ?SECOND].

-spec malformed(ecm_link_state:state(), Reason :: binary()) -> input().
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
timeouts(Now, #connection{state = State, began = Began, options = #{hello_timeout := Timeout}})
  when State =:= resuming, Now - Began >= Timeout ->
    {silent, ["no resume came for ", seconds(Timeout)]};
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
act({Event, _, _} = Passed, _, Connection)
  when Event =:= message; Event =:= more; Event =:= open; Event =:= gone ->
    {[Passed], Connection};
act({leave, _} = Passed, _, Connection) ->
    {[Passed], Connection};
act({unwanted, Id}, _, Connection) ->
    {[{send, Id, ecm_link_message:write(close, [<<"refused">>], [])}], Connection};
act({refused, Id, Code, Text}, _, Connection) ->
    {[objection(Id, Code, Text), {refused, Id, [atom_to_binary(Code), ": ", Text]}], Connection};
act({complaint, Id, Text}, _, Connection) ->
    {[{refused, Id, Text}], Connection};
act(Input, Now, Connection) ->
    act_on_link(Input, Now, Connection).

%% The inputs that concern the link itself.
-spec act_on_link(input(), time(), connection()) -> {[event()], connection()}.
act_on_link({hello, Hello}, Now, Connection) ->
    {[own_hello(Hello, Connection), {up, agreed(Hello, Connection)}],
     (with_features(Hello, Connection))#connection{pinged = Now}};
act_on_link({Type, Hello}, Now, Connection) when Type =:= challenge; Type =:= hello_to_resume ->
    {[own_hello(Hello, Connection)], (with_features(Hello, Connection))#connection{hello = Hello, began = Now}};
act_on_link({proof_to_resume}, Now, Connection) ->
    {[], Connection#connection{began = Now}};
act_on_link({resume, Fields}, Now, #connection{hello = Hello, peer_draining = IsDraining} = Connection) ->
    {[{over, Token} || {<<"over">>, Token} <- maps:to_list(Fields)]
     ++ [{resume, agreed(Hello, Connection), maps:get(<<"link">>, Fields, new), maps:get(<<"got">>, Fields, 0)}],
     Connection#connection{hello = #{}, pinged = Now, resumed = true, outlived = not IsDraining}};
act_on_link({ack, Number}, _, Connection) ->
    {[{acknowledged, Number}], Connection};
act_on_link({proof}, Now, #connection{hello = Hello} = Connection) ->
    {[{up, agreed(Hello, Connection)}], Connection#connection{hello = #{}, pinged = Now}};
act_on_link({ping, Token, Asked}, Now, Connection) ->
    {[{pong, Token} | [stats || Asked]], Connection#connection{pings = [Now | recent(Now, Connection)]}};
act_on_link({pong, Token}, Now, #connection{pending_ping = Token, pinged = Pinged} = Connection) ->
    {[{round_trip, max(0, Now - Pinged)}], Connection#connection{pending_ping = none}};
act_on_link({pong, _}, _, Connection) ->
    {[], Connection};
act_on_link({drain}, _, #connection{peer_draining = IsKnown} = Connection) ->
    {[peer_draining || not IsKnown], Connection#connection{peer_draining = true, outlived = false}};
act_on_link({inspect, _, _} = Question, _, Connection) ->
    {[Question], Connection};
act_on_link({nodes, _} = Nodes, _, Connection) ->
    {[Nodes], Connection};
act_on_link({ignored}, _, Connection) ->
    {[], Connection};
act_on_link({due}, Now, #connection{tokens = Tokens} = Connection) ->
    Token = integer_to_binary(Tokens + 1),
    {[{send, 0, ecm_link_message:write(ping, [Token], [])}],
     Connection#connection{tokens = Tokens + 1, pending_ping = Token, pinged = Now}};
act_on_link({stop}, _, #connection{state = draining} = Connection) ->
    {[{send, 0, ecm_link_message:write(drain, [], [])}], Connection#connection{outlived = false}};
act_on_link({silent, Text}, _, #connection{outlived = true} = Connection) ->
    {[objection(0, silent, Text), {break, ["silent: ", Text]}], Connection};
act_on_link({lost, Text}, _, Connection) ->
    {[{break, Text}], Connection};
act_on_link(End, _, Connection) ->
    {ending(End), Connection#connection{outlived = false}}.

%% The inputs that end a link.
-spec ending(input()) -> [event()].
ending({stop}) ->
    [{close, <<"ejabberd stops">>}];
ending({Last, Text}) when Last =:= broken; Last =:= error ->
    [{close, Text}];
ending({Code, Text}) ->
    [objection(0, Code, Text), {close, [atom_to_binary(Code), ": ", Text]}].

-spec body(Fields :: map(), binary()) -> body().
body(#{<<"truncated">> := true}, First) -> {truncated, First};
body(#{<<"redirected">> := true}, Body) -> {redirected, Body};
body(#{<<"full">> := true}, Body) -> {full, Body};
body(_, Body) -> Body.

-spec carried(ecm_link_packet:packet()) -> [event()].
carried({0, _}) -> [];
carried({Id, Content}) -> [{request, Id, unknown, false, Content}].

-spec objection(ecm_link_packet:id(), Code :: atom(), Text :: iodata()) -> event().
objection(Id, Code, Text) ->
    {send, Id, ecm_link_message:write(error, [atom_to_binary(Code), Text], [])}.

-spec agreed(ecm_link_hello:hello(), connection()) -> ecm_link_hello:agreement().
agreed(Hello, #connection{options = Options}) ->
    ecm_link_hello:agreed(Hello, Options).

-spec with_features(ecm_link_hello:hello(), connection()) -> connection().
with_features(Hello, #connection{options = Options} = Connection) ->
    Connection#connection{streams = ecm_link_hello:carries_streams(Hello, Options),
                          insight = ecm_link_hello:has_insight(Hello, Options)}.

-spec own_hello(ecm_link_hello:hello(), connection()) -> event().
own_hello(Hello, #connection{options = Options}) ->
    {send, 0, ecm_link_hello:own(Hello, Options)}.
