%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a peer sent, for one line of the log. Pure.

-module(ecm_escape).

-export([escape/1]).

%% @doc Returns printable ASCII, without quotation marks.
-spec escape(binary()) -> io_lib:chars().
escape(Bytes) ->
    [escape_byte(Byte) || <<Byte>> <= Bytes].

-spec escape_byte(byte()) -> byte() | io_lib:chars().
escape_byte($") -> "\\\"";
escape_byte($\\) -> "\\\\";
escape_byte(Byte) when Byte >= $\s, Byte =< $~ -> Byte;
escape_byte(Byte) -> io_lib:format("\\x~2.16.0b", [Byte]).
