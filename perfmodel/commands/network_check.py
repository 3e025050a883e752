"""placeholder"""
def deliver_check(question, delivery): return 0
