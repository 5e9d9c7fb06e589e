%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Namespaces in XML 1.0: the meaning of prefixes. Pure. The fault `not-xml' is thrown.

-module(ecm_xml_namespaces).

-export([attribute/2, check/2, declared/1, element/2, is_plain/1, is_wide/1, legible/1,
         may_be_default/1, prefix/1, scope/2]).
-export_type([scope/0]).

%% Prefixes with their namespaces. The default namespace is that of the empty prefix.
-type scope() :: #{Prefix :: binary() => Namespace :: binary()}.

-define(XML, <<"http://www.w3.org/XML/1998/namespace">>).
-define(XMLNS, <<"http://www.w3.org/2000/xmlns/">>).

%% @doc Returns the scope inside of an element with these attributes.
-spec scope([ecm_xml:attribute()], scope()) -> scope().
scope([], Outer) ->
    Outer;
scope(Attributes, Outer) ->
    lists:foldl(fun({Name, Namespace}, Scope) -> declare(declared(Name), Namespace, Scope) end,
                Outer, Attributes).

-spec declare(Prefix :: binary() | none, binary(), scope()) -> scope().
declare(none, _, Scope) -> Scope;
declare(<<"xml">>, ?XML, Scope) -> Scope;
declare(Prefix, Namespace, Scope) ->
    may_be_declared(Prefix, Namespace) orelse throw('not-xml'),
    Scope#{Prefix => Namespace}.

%% Sections 3 and 5. A namespace must not have a line end, and the parser of ejabberd refuses it.
-spec may_be_declared(Prefix :: binary(), Namespace :: binary()) -> boolean().
may_be_declared(<<"xml">>, _) -> false;
may_be_declared(<<"xmlns">>, _) -> false;
may_be_declared(_, ?XML) -> false;
may_be_declared(_, ?XMLNS) -> false;
may_be_declared(<<_, _/binary>>, <<>>) -> false;
may_be_declared(_, Namespace) -> is_line(Namespace).

-spec is_line(binary()) -> boolean().
is_line(<<Byte, Rest/binary>>) when Byte =/= $\n -> is_line(Rest);
is_line(Rest) -> Rest =:= <<>>.

%% @doc Returns whether this may be the default namespace.
-spec may_be_default(Namespace :: binary()) -> boolean().
may_be_default(Namespace) -> may_be_declared(<<>>, Namespace).

%% @doc Returns the prefix that an attribute declares.
-spec declared(binary()) -> Prefix :: binary() | none.
declared(<<"xmlns">>) -> <<>>;
declared(<<"xmlns:", Prefix/binary>>) -> Prefix;
declared(_) -> none.

%% @doc Returns the prefix of a name, which may be empty.
-spec prefix(binary()) -> Prefix :: binary().
prefix(Name) ->
    case split(Name) of
        [Prefix, _] -> Prefix;
        [_] -> <<>>
    end.

%% As binary:split/2, in a fifth of the time for a name.
-spec split(binary()) -> [binary()].
split(Name) -> split(Name, Name, 0).

-spec split(binary(), Name :: binary(), Size :: non_neg_integer()) -> [binary()].
split(<<$:, Local/binary>>, Name, Size) -> [binary:part(Name, 0, Size), Local];
split(<<_, Rest/binary>>, Name, Size) -> split(Rest, Name, Size + 1);
split(<<>>, Name, _) -> [Name].

%% @doc Returns whether a name is ASCII and has no prefix.
-spec is_plain(binary()) -> boolean().
is_plain(<<Byte, Rest/binary>>) when Byte < 128, Byte =/= $: -> is_plain(Rest);
is_plain(Rest) -> Rest =:= <<>>.

%% @doc Returns the namespace and the local name of an element.
-spec element(binary(), scope()) -> {Namespace :: binary(), Local :: binary()}.
element(<<"body">>, #{<<>> := Default}) -> {Default, <<"body">>};  % for speed
element(Name, Scope) -> expand(split(Name), Scope, maps:get(<<>>, Scope)).

%% @doc Returns the namespace and the local name of an attribute.
-spec attribute(binary(), scope()) -> {Namespace :: binary(), Local :: binary()}.
attribute(Name, Scope) -> expand(split(Name), Scope, <<>>).

-spec expand([binary()], scope(), Default :: binary()) -> {Namespace :: binary(), binary()}.
expand([Local], _, Default) -> {Default, Local};
expand([<<"xml">>, Local], _, _) -> {?XML, Local};
expand([Prefix, Local], Scope, _) when is_map_key(Prefix, Scope) -> {map_get(Prefix, Scope), Local};
expand(_, _, _) -> throw('not-xml').

%% @doc Checks that the prefixes of attributes are declared, and that no two attributes have the same
%% expanded name (section 6.3).
-spec check([ecm_xml:attribute()], scope()) -> ok.
check(Attributes, Scope) ->
    case [attribute(Name, Scope) || {Name, _} <- Attributes, has_prefix(Name)] of
        [_, _ | _] = Prefixed ->
            length(lists:usort(Prefixed)) =:= length(Prefixed) orelse throw('not-xml'),
            ok;
        _ ->
            ok
    end.

-spec has_prefix(binary()) -> boolean().
has_prefix(<<"xmlns:", _/binary>>) -> false;
has_prefix(Name) -> has_colon(Name).

-spec has_colon(binary()) -> boolean().
has_colon(<<$:, _/binary>>) -> true;
has_colon(<<_, Rest/binary>>) -> has_colon(Rest);
has_colon(<<>>) -> false.

%% @doc Checks the characters of names. Only the XML parser knows which are allowed outside of ASCII, and
%% hardly any client uses them.
-spec legible([Name :: binary()]) -> ok.
legible(Names) ->
    case lists:usort([Part || Name <- Names, is_wide(Name), Part <- split(Name)]) of
        [] ->
            ok;
        Wide ->
            Tags = iolist_to_binary(["<a>", [[$<, Name, "/>"] || Name <- Wide], "</a>"]),
            erlang:element(1, fxml_stream:parse_element(Tags)) =:= xmlel orelse throw('not-xml'),
            ok
    end.

%% @doc Returns whether a name is not ASCII.
-spec is_wide(binary()) -> boolean().
is_wide(<<Byte, Rest/binary>>) when Byte < 128 -> is_wide(Rest);
is_wide(Rest) -> Rest =/= <<>>.
