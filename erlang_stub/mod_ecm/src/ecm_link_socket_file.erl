%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Permissions of a UNIX socket's file, which decide who may connect.

-module(ecm_link_socket_file).

-export([mode/1, permit/3]).

%% The numbers of groups (group(5)).
-define(GROUPS, "/etc/group").

%% @doc Parses the octal digits of a mode, as in chmod(1). Returns `error' for anything else. YAML reads
%% digits without quotes as a number.
-spec mode(Digits :: binary() | non_neg_integer()) -> 0..8#777 | error.
mode(Number) when is_integer(Number) ->
    mode(integer_to_binary(Number));
mode(Digits) ->
    case re:run(Digits, "^0?[0-7]{3}$", [{capture, none}]) of
        match -> binary_to_integer(Digits, 8);
        nomatch -> error
    end.

%% @doc Sets the mode of a socket, and its group if one is named. Returns a text for the log if that fails.
-spec permit(Path :: file:filename_all(), Mode :: non_neg_integer(), Group :: binary() | undefined) ->
    ok | {error, unicode:chardata()}.
permit(Path, Mode, undefined) ->
    done(Path, file:change_mode(Path, Mode));
permit(Path, Mode, Group) ->
    case number(Group) of
        {ok, Number} -> permit_group(Path, Mode, Number);
        error -> {error, io_lib:format("'socket_group': there is no group ~ts in " ?GROUPS, [Group])}
    end.

-spec permit_group(binary(), non_neg_integer(), non_neg_integer()) ->
    ok | {error, unicode:chardata()}.
permit_group(Path, Mode, Number) ->
    case done(Path, file:change_group(Path, Number)) of
        ok -> permit(Path, Mode, undefined);
        {error, Text} -> {error, [Text, "; ejabberd must be a member of the group"]}
    end.

-spec done(binary(), ok | {error, term()}) -> ok | {error, unicode:chardata()}.
done(_, ok) -> ok;
done(Path, {error, Reason}) ->
    {error, io_lib:format("cannot change the rights of ~ts: ~ts", [Path, file:format_error(Reason)])}.

%% The group by its name, or by its number.
-spec number(binary()) -> {ok, non_neg_integer()} | error.
number(Group) ->
    case re:run(Group, "^[0-9]{1,9}$", [{capture, none}]) of
        match -> {ok, binary_to_integer(Group)};
        nomatch -> named(Group, file:read_file(?GROUPS))
    end.

-spec named(binary(), {ok, binary()} | {error, term()}) -> {ok, non_neg_integer()} | error.
named(Name, {ok, Groups}) ->
    Lines = [binary:split(Line, <<":">>, [global])
             || Line <- binary:split(Groups, <<"\n">>, [global])],
    case [Number || [Found, _, Number, _] <- Lines, Found =:= Name] of
        [Number | _] -> {ok, binary_to_integer(Number)};
        [] -> error
    end;
named(_, {error, _}) ->
    error.
