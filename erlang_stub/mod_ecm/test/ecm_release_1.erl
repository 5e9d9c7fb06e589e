%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: what release 1 of mod_ecm keeps, as it was recorded in an ejabberd 23.01. Later releases
%% must read it.

-module(ecm_release_1).

-export([dehydrated/1, key_row/0, nonce/0, rid/0, sid/0]).

%% @doc The row of the table ecm_sid_key.
key_row() ->
    {ecm_sid_key, sid, {key, base64:decode(inner()), base64:decode(outer())}}.

inner() ->
"YW7Y+/fAetP47Gtph3cv7TEb3lUg9b1k5dFpK6lcrEc2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Ng==".

outer() ->
      "CwSykZ2qELmShgED7R1Fh1txtD9Kn9cOj7sDQcM2xi1cXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXA==".

%% @doc A SID that was made with this key, on the node member@127.0.0.1.
sid() ->
    <<"AAAQ8oNYZAAQbWVtYmVyQDEyNy4wLjAuMQAABPsAAAAATuZOowyUriUCpB8E8TC6dQ7Bzeahv5">>.

%% @doc The nonce of that SID, which the session has as well.
nonce() -> 4338.

%% @doc The RID of the request that the session holds.
rid() -> 1006.

%% @doc The argument with which a session hibernates: that of romeo@localhost/test. It holds request 1006 for
%% connection 7, and keeps the answers to the four before. Each process that it names is replaced by `Pid', its
%% timer by one of the caller, and its times are as if it had begun to hold the request now.
dehydrated(Pid) ->
    Recorded = binary_to_term(base64:decode(session())),
    Shift = erlang:monotonic_time(millisecond) + 60000 - element(5, Recorded),
    Timer = erlang:start_timer(60000, self(), ecm),
    list_to_tuple(moved(tuple_to_list(Recorded), Pid, Timer, Shift)).

%% No other integers are as far below zero as the recorded times.
moved(Time, _, _, Shift) when is_integer(Time), Time < -100000000000 -> Time + Shift;
moved(Process, Pid, _, _) when is_pid(Process) -> Pid;
moved(Reference, _, Timer, _) when is_reference(Reference) -> Timer;
moved([First | Rest], Pid, Timer, Shift) ->
    [moved(First, Pid, Timer, Shift) | moved(Rest, Pid, Timer, Shift)];
moved(Tuple, Pid, Timer, Shift) when is_tuple(Tuple) ->
    list_to_tuple(moved(tuple_to_list(Tuple), Pid, Timer, Shift));
moved(Term, _, _, _) -> Term.

session() ->
      "g1AAAAj8eNq9Vb9vHEUUnru9i3/jC3ENVpoVEnC2o8TOcbYs6FNQIQtpmd2du53N7ux6ZjbxuY0UIUEFEpGQqGiQ+CcoKBAt"
      "/0AqhAKhoKTie7tzP+w4CAqwpdu9N+/H9773zbvkRtK2jLGbMVvNx7kNjOVWxGxZKh5Z+QCvrxirBc+DB0IbWaikzVucxWzd"
      "mV3AmsBLmEmTiDhmW+6QVzYRysqIfGLWsboiX5uZQCi4k7E74pmBdSMqYhEFRWlRxWQA1QIoOVaFFoHITIr480yG84hVygNY"
      "cjSZG3vTNtQ5N4EWpzXY2mhlLorKhqzz+VM4Ooyx1CKimjFrS3xcMwkvhUY1VSjqv47N+VlwWolKhIzd+BhePIqEMTHzeJbF"
      "bPNCVZCHol5eoL11kfIwRL4g2jPzqkJFelLaRQKuGaHRTY7OV7Ii4llSGAu26tRaGKEWnDsZV2NybcPM1ojoAPUqUMq2ZiUb"
      "sxJGciAhukBIhYYXMtXTuMh6LyryEhVp3gGxAO67Z3mmDFXcaLIPokxitpcZB8HU/HXX5zTTYsUmgEf35xNhzz6K2VJ2NQO9"
      "2QQuTrAhvZ5KYCclMnua5zF71dVOBI+FDkyN0mlvqmaXqVb6SCppIaFOVCiQuZJYWwahJLqn49Ikbz0XMUH86lHiEWHrSStp"
      "Jx3+HWe8zZfQzA836byrC9Sgt45FOLm24erBYQkfa5+8z4O0/qMjL01D1vXeTdMT5lHPIgfJx7t7+2/v4H/33s/3vmbs+mvf"
      "fMhab3zx3veUd2t352D/7u6dnf07t27v7R4cHNy+u5PSfWZIxvzeB1ckApw/yYMS/m2p16elVLf15Om3+4+RsvcHZUeQBzUT"
      "7E7SvnQZasOFO0SWTRpfo5HAyHOxQDwdb9DxyOSzO+b3oLnNRAKYwvII+MgKTcJaMo0uCUcXlTKZS2vct1VKw5V5KDQ0wpiz"
      "YK7YQOE7X/4Iy9YCElsEjYrDFiPvNTp7yKWVauwuem/BVCMPW8fkukz2pMhi3qIdgS9uZaIjfgIVkanklRH8zHlTFmRtvTnb"
      "LQ09oHOFj7UQOZDwYbKMq4Juc4NN2+Yn/Oz/787dlvqRphBAeB8CSLyXCOr5VFCQP9VCwGdOMd4v9PG70wq9PyfpPhnK0+16"
      "pRz6F/aJT9YBbbdDXyh/2xaHfn2RjmcboU/Xyd8ewfzCGQKwCWAWpsrwTcaHvpmoyD8aQlp6cqmmPB1oRAnt94+GfXl61ED8"
      "jSCKYVlv3Uj8F0Cbs74r+CsV/PTlnLzYFO0nNEWPaUyl1UAKOxqUHHvQDAifokdZvuXcUxkfXQVk2KeTYZ/cFol4Rrh+GjZb"
      "cDAS3FYA8S/Lglp3af9JiHMF2OZHiWc0GmdFpnwxCUUMTD7Yq4tceXSrHu3lDlLe+Qt9Huq1".
