%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Streams (docs/protocol.md of Megaphone, "Streams"): each is a session of ejabberd, in a process of its own.
%%
%%     ecm_link_streams --> open/3 --> ecm_stream_newcomer, which becomes ejabberd's process when it is its turn
%%     ecm_link_streams --> {ecm_stream, Event} --> ecm_c2s --> ecm_stream_session --> stanzas to the process
%%     ecm_link_writer <------- messages --------------------- ecm_stream_session <-- stanzas of the process

-module(ecm_stream).

-export([open/3]).
-export_type([options/0]).

%% `c2s' has the options of sessions, by whether their client's connection is encrypted.
-type options() :: #{newcomers := ecm_c2s_newcomers:limits(), logins := ecm_c2s_logins:limits(),
                     c2s := #{Secure :: boolean() => ecm_stream_session:options()}}.

%% @doc Begins the session of a stream. Never waits.
-spec open(ecm_link_stream:stream(), ecm_link_stream:open(), options()) ->
    {ok, pid()} | {refused, unknown_kind | system_limit}.
open(Stream, #{kind := Name, secure := Secure} = Open, #{c2s := Options} = All) ->
    case kind(Name) of
        unknown -> {refused, unknown_kind};
        Kind -> ecm_stream_newcomer:start(Stream, Kind, Open, All#{c2s := map_get(Secure, Options)})
    end.

-spec kind(binary()) -> ecm_stream_session:wire() | unknown.
kind(<<"websocket">>) -> ecm_stream_websocket;
kind(<<"tcp">>) -> ecm_stream_tcp;
kind(_) -> unknown.
