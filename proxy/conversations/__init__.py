"""What exchanges are together: conversations of turns, and what is to be found in them. Pure functions over bytes and facts.

Read `findings`: what turns show when they are compared.
"""
