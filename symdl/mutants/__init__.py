"""The mutation suite: right gradients made wrong by one small change each, and what the prover says of them.

``gradients.py`` lists the gradients, ``make.py`` changes them, ``judge.py`` asks the prover and looks again at its witnesses with many digits,
``tolerances.py`` asks how other people's numeric checks would have judged, ``score.py`` counts. ``symdl mutants`` prints the score.
"""
